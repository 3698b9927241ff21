/** Runs the work in order, `width` items at a time. Starts nothing more after the first failure. */
export async function inParallel(
  width: number, work: readonly (() => Promise<unknown>)[], done: (count: number) => void = () => undefined,
): Promise<void> {
  let begun = 0;
  let finished = 0;
  await Promise.all(Array.from({ length: Math.min(width, work.length) }, async () => {
    for (let next = work[begun++]; next !== undefined; next = work[begun++]) {
      await next().catch((error: unknown) => {
        begun = work.length;
        throw error;
      });
      finished += 1;
      done(finished);
    }
  }));
}
