/** Milliseconds since 1970. Leases and lots are timed by Redis; this clock only stamps what Redis never sees. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
