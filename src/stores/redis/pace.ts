/** How fast a server answers the commands of one connection. */
export type Pace = {
  /**
   * What has arrived was read: `answers` of them. `oldestSentAt`: when the oldest command was sent that waits still; undefined when
   * none does.
   */
  readonly read: (answers: number, oldestSentAt: number | undefined) => void;
  /** How long one that is sent now is likely to wait, behind `waiting` others, in ms; 0 while few wait or nothing is known. */
  readonly expectedMs: (waiting: number) => number;
};

/** Fewer are always sent: a server that takes so long for them does not answer in time at all. */
const CROWD_MIN = 64;
/** Older answers count less, in ms of waiting for them. */
const WINDOW_MS = 200;
/** What was measured before a pause says nothing about now. */
const FORGET_MS = 1_000;

/**
 * Measures the time that a server takes per answer while it has work from this connection. Between two reads it had, if a command
 * from before the first waits after the second; otherwise it may have finished long before this process came to read. `now`: ms of a
 * clock that only goes forward.
 */
export function pace(now: () => number = () => performance.now()): Pace {
  let busyMs = 0;
  let answered = 0;
  let readAt = 0;
  let measuredAt = 0;
  return {
    read: (answers, oldestSentAt) => {
      const nowMs = now();
      if (oldestSentAt !== undefined && oldestSentAt < readAt) {
        if (nowMs - measuredAt > FORGET_MS) [busyMs, answered] = [0, 0];
        busyMs += nowMs - readAt;
        answered += answers;
        measuredAt = nowMs;
        if (busyMs > WINDOW_MS) [busyMs, answered] = [busyMs / 2, answered / 2];
      }
      readAt = nowMs;
    },
    expectedMs: (waiting) =>
      (waiting < CROWD_MIN || answered === 0 || now() - measuredAt > FORGET_MS ? 0 : waiting * busyMs / answered),
  };
}
