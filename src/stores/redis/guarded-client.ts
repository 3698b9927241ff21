import { ReplyError } from 'ioredis';
import { GatewayError, type Outcome } from '../../kit/errors.js';
import type { Breaker } from './breaker.js';
import { redisOutage } from './redis-away.js';
import type { ScriptClient } from './script.js';

/** ioredis' message for a command that was never sent, because there was no connection. */
const NEVER_SENT = "Stream isn't writeable";

export type GuardDeps = {
  readonly client: ScriptClient;
  /** That of the server that has this key. */
  readonly breakerOf: (key: string) => Breaker;
  readonly inFlightMax: number;
  /** How long a call of this key that is sent now is likely to wait for its answer, in ms. */
  readonly expectedMs: (key: string) => number;
  /** A call that is likely to wait for longer is refused. */
  readonly expectedMaxMs: number;
  /** Called for each operation with an unknown outcome, for metrics and alerts. */
  readonly onUnknown: () => void;
};

export type GuardedClient = ScriptClient & { readonly inFlight: () => number };

/**
 * A client that refuses rather than waits: while the breaker is open, or too many calls are in progress or wait for long, it answers
 * `ledger_unavailable` at once. After a timeout or a lost connection the outcome is `unknown`, never "failed"
 * (docs/reliability.md#f4). Any other error reply is a bug and passes through unchanged.
 */
export function guardedClient({ client, breakerOf, inFlightMax, expectedMs, expectedMaxMs, onUnknown }: GuardDeps): GuardedClient {
  let inFlight = 0;

  const guard = async (key: string, send: () => Promise<unknown>): Promise<unknown> => {
    const breaker = breakerOf(key);
    if (inFlight >= inFlightMax || expectedMs(key) > expectedMaxMs) throw unavailable('the ledger is busy; retry shortly', 'not_executed');
    if (!breaker.allows()) throw unavailable('the ledger is not answering; retry shortly', 'not_executed');
    inFlight += 1;
    try {
      const reply = await send();
      breaker.succeeded();
      return reply;
    } catch (error) {
      throw translate(error, breaker);
    } finally {
      inFlight -= 1;
    }
  };

  const translate = (error: unknown, breaker: Breaker): unknown => {
    if (error instanceof ReplyError) {
      // Redis did answer. A full or loading Redis is no reason to open the breaker: a full one still accepts settles.
      breaker.succeeded();
      return redisOutage(error);
    }
    breaker.failed();
    const isNeverSent = error instanceof Error && error.message.startsWith(NEVER_SENT);
    if (!isNeverSent) onUnknown();
    return unavailable('the ledger did not answer in time; retry with the same key', isNeverSent ? 'not_executed' : 'unknown', error);
  };

  return {
    evalsha: (sha1, keyCount, ...values) => guard(String(values[0]), () => client.evalsha(sha1, keyCount, ...values)),
    eval: (text, keyCount, ...values) => guard(String(values[0]), () => client.eval(text, keyCount, ...values)),
    inFlight: () => inFlight,
  };
}

const unavailable = (message: string, outcome: Outcome, cause?: unknown): GatewayError =>
  new GatewayError('ledger_unavailable', message, { outcome, cause });
