/** How fast a server answers the commands of one connection. */
export type Pace = {
  /** `waiting`: the commands that wait for their answer, with this one. */
  readonly sent: (waiting: number) => void;
  /** The same without the one that was answered. */
  readonly answered: (waiting: number) => void;
  /** How long one that is sent now is likely to wait, behind `waiting` others, in ms; 0 while few wait or nothing is known. */
  readonly expectedMs: (waiting: number) => number;
};

/** With fewer, the time between two answers is that of the way to the server and back, or of a caller who asks one by one. */
const CROWD_MIN = 64;
/** Older answers count less, in ms of waiting for them. */
const WINDOW_MS = 200;
/** What was measured before a pause says nothing about now. */
const FORGET_MS = 1_000;

/**
 * Measures the time that a server takes per answer while many commands wait: then it is busy all the time. `now`: ms of a clock that
 * only goes forward.
 */
export function pace(now: () => number = () => performance.now()): Pace {
  let busyMs = 0;
  let answers = 0;
  /** Since when the next answer has been awaited. */
  let awaitedSince = 0;
  return {
    sent: (waiting) => {
      if (waiting !== CROWD_MIN) return;
      const nowMs = now();
      if (nowMs - awaitedSince > FORGET_MS) [busyMs, answers] = [0, 0];
      awaitedSince = nowMs;
    },
    answered: (waiting) => {
      if (waiting < CROWD_MIN - 1) return;
      const nowMs = now();
      busyMs += nowMs - awaitedSince;
      answers += 1;
      awaitedSince = nowMs;
      if (busyMs > WINDOW_MS) [busyMs, answers] = [busyMs / 2, answers / 2];
    },
    expectedMs: (waiting) => {
      if (waiting < CROWD_MIN || answers === 0) return 0;
      return now() - awaitedSince + waiting * busyMs / answers;
    },
  };
}
