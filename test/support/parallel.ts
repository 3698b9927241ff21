/** Runs the work, `width` at a time, in order. After the first failure nothing more is begun. */
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
