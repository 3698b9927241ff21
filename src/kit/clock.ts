/** Milliseconds since 1970. Leases and lots are timed by Redis; this clock only stamps what Redis never sees. */
export type Clock = () => number;

/** For durations: it only goes forward, also when the machine's clock is set. Its values mean nothing in another process. */
export const steadyClock: Clock = () => performance.now();

export const systemClock: Clock = () => Date.now();
