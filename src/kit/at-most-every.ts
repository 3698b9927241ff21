/** Calls `tell` unless it was called less than `ms` ago. For what happens many times in a row and need not be logged each time. */
export function atMostEvery<T>(ms: number, tell: (what: T) => void): (what: T) => void {
  let toldAt = -Infinity;
  return (what) => {
    if (performance.now() - toldAt < ms) return;
    toldAt = performance.now();
    tell(what);
  };
}
