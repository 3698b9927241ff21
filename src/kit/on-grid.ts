/** Timers of a second and more end at whole seconds of the process, shorter ones at multiples of their own length. */
const GRID_MS = 1_000;

const due = new Map<number, Set<() => void>>();

/**
 * Calls `run` in about `ms`: at the nearest point of a grid that all callers of a process share. So the timers of a process end
 * together: it wakes once for all of them, and what they send over one connection is one write. Processes start at different
 * times, so their grids differ. Does not keep the process alive. Returns a function that cancels the call.
 */
export function onGrid(ms: number, run: () => void): () => void {
  const grid = Math.max(1, Math.min(ms, GRID_MS));
  const nowMs = performance.now();
  const atMs = Math.round((nowMs + ms) / grid) * grid;
  const runs = due.get(atMs) ?? open(atMs, nowMs);
  const entry = (): void => { run(); }; // one of its own: the same function may wait twice
  runs.add(entry);
  return () => { runs.delete(entry); };
}

function open(atMs: number, nowMs: number): Set<() => void> {
  const runs = new Set<() => void>();
  due.set(atMs, runs);
  setTimeout(() => {
    due.delete(atMs);
    for (const run of runs) run();
  }, Math.max(0, atMs - nowMs)).unref();
  return runs;
}
