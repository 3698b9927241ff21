/** How many times over a soak does its work; 0 in the suite. `npm run soak` sets it (README, "Tests"). */
const SOAK = Number(process.env['SOAK'] ?? 0);

/** How much of a random or repeated work a test does: `short` in the suite, `soak` times SOAK in a soak. */
export const volume = (short: number, soak: number): number => (SOAK > 0 ? Math.ceil(soak * SOAK) : short);

/** A time limit that fits the volume, in ms. It only guards against work that hangs, so it may be long. */
export const patience = (ms: number): number => ms * Math.max(1, SOAK);
