/** A number of places that work takes before it starts. Who waits gets them in the order of asking. */
export type Turns = {
  readonly max: number;
  /** Waits for `count` places, of all `max` at most. Resolves to what gives them back, which must be called once. */
  take(count: number): Promise<() => void>;
};

/** `max`: how many places there are. One that asks for more takes all of them. */
export function turns(max: number): Turns {
  let free = max;
  const waiting: { readonly count: number; readonly start: () => void }[] = [];
  const next = (): void => {
    for (let first = waiting[0]; first !== undefined && first.count <= free; first = waiting[0]) {
      waiting.shift();
      free -= first.count;
      first.start();
    }
  };
  return {
    max,
    take: (asked) => new Promise((resolve) => {
      const count = Math.min(asked, max);
      waiting.push({ count, start: () => { resolve(() => { free += count; next(); }); } });
      next();
    }),
  };
}
