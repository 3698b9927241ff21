/** Multiplies the volume of soak tests; 0 in the normal suite. Set by `npm run soak` (README, "Tests"). */
const SOAK = Number(process.env['SOAK'] ?? 0);

/** The amount of random or repeated work of a test: `short` in the suite, `soak` times SOAK in a soak. */
export const volume = (short: number, soak: number): number => (SOAK > 0 ? Math.ceil(soak * SOAK) : short);

/** A time limit for the volume, in ms. It only stops work that hangs, so it may be long. */
export const patience = (ms: number): number => ms * Math.max(1, SOAK);
