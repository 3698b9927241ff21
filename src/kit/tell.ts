/** Told of each of several works, by its index in their list, once. Must not throw. */
export type Tell<Result> = {
  readonly done: (index: number, result: Result) => void;
  readonly failed: (index: number, error: unknown) => void;
};

/** The item that was told of. Throws RangeError where there is none, which is a bug. */
export function itemAt<Item>(items: readonly Item[], index: number): Item {
  if (index >= 0 && index < items.length) return items[index] as Item;
  throw new RangeError(`there is no item ${index} of ${items.length}`);
}

/** Runs those together that `prepare` does not refuse; what it throws is told of its own item. */
export function runPassing<Item, Prepared, Result>(
  items: readonly Item[], prepare: (item: Item) => Prepared, tell: Tell<Result>,
  run: (prepared: readonly Prepared[], tell: Tell<Result>) => Promise<void>,
): Promise<void> {
  const passed: Prepared[] = [];
  const indexes: number[] = [];
  items.forEach((item, index) => {
    try {
      passed.push(prepare(item));
      indexes.push(index);
    } catch (error) {
      tell.failed(index, error);
    }
  });
  if (passed.length === items.length) return run(passed, tell);
  return run(passed, {
    done: (at, result) => { tell.done(itemAt(indexes, at), result); },
    failed: (at, error) => { tell.failed(itemAt(indexes, at), error); },
  });
}

/** Runs each of them alone, all at once. */
export async function runAlone<Item, Result>(
  items: readonly Item[], tell: Tell<Result>, run: (item: Item) => Promise<Result>,
): Promise<void> {
  await Promise.all(items.map((item, index) =>
    run(item).then((result) => { tell.done(index, result); }, (error: unknown) => { tell.failed(index, error); })));
}
