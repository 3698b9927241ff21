import { GatewayError } from '../../kit/errors.js';

/** How far behind this process is. */
export type Behind = {
  /** What a turn of the event loop takes, in ms. */
  readonly turnMs: number;
  /** How long the oldest call to Redis had waited when it was sampled, and waits still, in ms. */
  readonly redisMs: number;
  /** How long a call to Redis that is sent now is likely to wait, in ms. */
  readonly expectedMs: number;
  /** Calls to Redis that wait for their answer. */
  readonly inFlight: number;
};

/**
 * What a request is for. `begin`: places a hold or charges, which Redis decides. `end`: ends of holds free credits and record
 * usage that happened, so they are the last to be refused. `other`: reads, and changes that Postgres records first.
 */
export type Urgency = 'begin' | 'end' | 'other';

export type Admission = {
  /** Throws GatewayError ledger_unavailable, `not_executed`, when the process is too far behind to take this on. */
  readonly assertAdmits: (urgency: Urgency) => void;
  /** The same without an error: true is a refusal, which is counted; false takes it on. */
  readonly refuses: (urgency: Urgency) => boolean;
  /** Whether it would be refused now; counts nothing. While `begin` would not, none would. */
  readonly wouldRefuse: (urgency: Urgency) => boolean;
  /** What it goes by; zeros when there was no request for a while. */
  readonly behind: () => Behind;
};

export type AdmissionDeps = {
  /** The deadline of a call to Redis, from which the limits are derived. */
  readonly timeoutMs: number;
  readonly oldestCallMs: () => number;
  readonly expectedMs: () => number;
  readonly inFlight: () => number;
  readonly inFlightMax: number;
  readonly onRefused: (urgency: Urgency) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
};

/** Between two samples: a sample costs two immediates. */
const SAMPLE_EVERY_MS = 20;
/** A turn that was measured before a pause says nothing about now. */
const FORGET_AFTER_MS = 1_000;
/** What Redis made calls wait is sampled anew with every few requests: older than this, it says nothing about now. */
const FORGET_REDIS_AFTER_MS = 5 * SAMPLE_EVERY_MS;
/** A caller waits for about two turns: with the default deadline more than half a second is too much. */
const TURN_SHARE = 2;
/** Calls that wait for half of their deadline announce that the next ones will miss theirs. */
const REDIS_SHARE = 0.5;
/** Ends are sent until they are likely to wait for all of it; past twice that, the guard before Redis would refuse them. */
const REDIS_SHARE_OF_ENDS = 1;
/** New work leaves so much of the calls in flight to ends. */
const IN_FLIGHT_SHARE = 0.8;
/**
 * While turns are long, one takes on work for so much of a deadline; the rest of its requests are refused. With long turns many requests
 * are alive at once, and collecting garbage takes the processors.
 */
const TURN_BUDGET: Readonly<Record<Exclude<Urgency, 'other'>, number>> = { begin: 1 / 6, end: 1 / 2 };
/** Fewer are taken on in each turn whatever the time: a pause of the process is no reason to refuse what came meanwhile. */
const TURN_CROWD_MIN = 64;
/** Ends are taken on until the process is so many times further behind. */
const END_PATIENCE = 8;

/**
 * Refuses work before anything is sent when the process is behind, by what it measures: how long a turn of its event
 * loop takes (a request waits for one before it is read, and its answer for another), how long Redis makes calls wait,
 * and how many wait. Sampled while requests come, so an idle process pays nothing.
 */
export function admission({
  timeoutMs, oldestCallMs, expectedMs, inFlight, inFlightMax, onRefused, now = () => performance.now(),
}: AdmissionDeps): Admission {
  let turnMs = 0;
  /** The one before: a single long turn is a hiccup, two in a row are a process that is behind. */
  let earlierMs = 0;
  let redisMs = 0;
  let sampledAt = -Infinity;
  let isSampling = false;
  /** The turn in which work was taken on last, until it ends. */
  let thisTurn: { readonly startedAt: number; taken: number } | undefined;

  /** One whole turn, from the end of its reading to the end of the next one's. With an immediate due, no time passes in waiting. */
  const sample = (): void => {
    isSampling = true;
    setImmediate(() => {
      const startedAt = now();
      setImmediate(() => {
        const endedAt = now();
        earlierMs = startedAt - sampledAt > FORGET_AFTER_MS ? 0 : turnMs;
        isSampling = false;
        sampledAt = endedAt;
        turnMs = endedAt - startedAt;
        // What had arrived when this turn began was read in it. What arrived during the turn has waited for this process, not for Redis.
        redisMs = Math.max(0, oldestCallMs() - turnMs);
      });
    });
  };
  const behind = (): Behind => {
    const ageMs = now() - sampledAt - 2 * turnMs; // a request is read up to two turns after the sample
    return {
      turnMs: ageMs > FORGET_AFTER_MS ? 0 : Math.min(turnMs, earlierMs),
      // A stall that has ended since is no reason: what waits now is younger.
      redisMs: ageMs > FORGET_REDIS_AFTER_MS ? 0 : Math.min(redisMs, oldestCallMs()),
      expectedMs: expectedMs(),
      inFlight: inFlight(),
    };
  };
  /** Whether this turn has taken on as much as fits. In turns that are short everything does. */
  const isTurnFull = (urgency: Urgency, turnMsNow: number): boolean => {
    if (urgency === 'other' || thisTurn === undefined || thisTurn.taken < TURN_CROWD_MIN) return false;
    const budgetMs = timeoutMs * TURN_BUDGET[urgency];
    return turnMsNow > budgetMs && now() - thisTurn.startedAt > budgetMs;
  };
  const take = (): void => {
    if (thisTurn === undefined) {
      thisTurn = { startedAt: now(), taken: 0 };
      setImmediate(() => { thisTurn = undefined; });
    }
    thisTurn.taken += 1;
  };
  const wouldRefuse = (urgency: Urgency): boolean => {
    const measured = behind();
    return isTooFar(measured, urgency, timeoutMs, inFlightMax) || isTurnFull(urgency, measured.turnMs);
  };
  const refuses = (urgency: Urgency): boolean => {
    if (!isSampling && now() - sampledAt > SAMPLE_EVERY_MS) sample();
    if (wouldRefuse(urgency)) {
      onRefused(urgency);
      return true;
    }
    if (urgency !== 'other') take();
    return false;
  };

  return {
    behind, wouldRefuse, refuses,
    assertAdmits: (urgency) => { if (refuses(urgency)) throw busyError(); },
  };
}

/** What a request is told that is not taken on. */
export const busyError = (): GatewayError =>
  new GatewayError('ledger_unavailable', 'the gateway is busy; retry shortly', { outcome: 'not_executed' });

/** The decision, from what was measured. */
export function isTooFar(
  { turnMs, redisMs, expectedMs, inFlight }: Behind, urgency: Urgency, timeoutMs: number, inFlightMax: number,
): boolean {
  const patience = urgency === 'end' ? END_PATIENCE : 1;
  if (turnMs > timeoutMs * TURN_SHARE * patience) return true;
  switch (urgency) {
    case 'other': return false;
    // The guard before Redis would refuse them too, after their body was read.
    case 'end': return expectedMs > timeoutMs * REDIS_SHARE_OF_ENDS || inFlight >= inFlightMax;
    case 'begin': return Math.max(redisMs, expectedMs) > timeoutMs * REDIS_SHARE || inFlight > inFlightMax * IN_FLIGHT_SHARE;
  }
}
