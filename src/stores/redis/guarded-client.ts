import { ReplyError } from 'ioredis';
import { GatewayError, type Outcome } from '../../kit/errors.js';
import type { Breaker } from './breaker.js';
import type { ScriptClient } from './script.js';

/** Replies by which Redis says that it cannot serve now. It did not execute the command. */
const NOT_SERVING = /^(OOM|MISCONF|READONLY|LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN) /;
/** What ioredis says when it never sent the command: there was no connection. */
const NEVER_SENT = "Stream isn't writeable";

export type GuardDeps = {
  readonly client: ScriptClient;
  readonly breaker: Breaker;
  readonly inFlightMax: number;
  /** Told of each operation whose outcome nobody knows, for the people on call. */
  readonly onUnknown: () => void;
};

export type GuardedClient = ScriptClient & { readonly inFlight: () => number };

/**
 * A client that refuses rather than waits: with the breaker open, or too many calls under way, it answers
 * `ledger_unavailable` at once. A timeout or a lost connection is `unknown`, never "failed" (reliability finding 4).
 * A reply error that is none of Redis' excuses is our bug and passes through untouched.
 */
export function guardedClient({ client, breaker, inFlightMax, onUnknown }: GuardDeps): GuardedClient {
  let inFlight = 0;

  const guard = async (send: () => Promise<unknown>): Promise<unknown> => {
    if (inFlight >= inFlightMax) throw unavailable('the ledger is busy; retry shortly', 'not_executed');
    if (!breaker.allows()) throw unavailable('the ledger is not answering; retry shortly', 'not_executed');
    inFlight += 1;
    try {
      const reply = await send();
      breaker.succeeded();
      return reply;
    } catch (error) {
      throw translate(error);
    } finally {
      inFlight -= 1;
    }
  };

  const translate = (error: unknown): unknown => {
    if (error instanceof ReplyError) {
      // Redis did answer. That it is full or loading is not a reason to stop asking: settles still pass on a full one.
      breaker.succeeded();
      const { message } = error as Error;
      return NOT_SERVING.test(message) ? unavailable('the ledger cannot accept this now; retry shortly', 'not_executed', error) : error;
    }
    breaker.failed();
    const isNeverSent = error instanceof Error && error.message.startsWith(NEVER_SENT);
    if (!isNeverSent) onUnknown();
    return unavailable('the ledger did not answer in time; retry with the same key', isNeverSent ? 'not_executed' : 'unknown', error);
  };

  return {
    evalsha: (sha1, keyCount, ...values) => guard(() => client.evalsha(sha1, keyCount, ...values)),
    eval: (text, keyCount, ...values) => guard(() => client.eval(text, keyCount, ...values)),
    inFlight: () => inFlight,
  };
}

const unavailable = (message: string, outcome: Outcome, cause?: unknown): GatewayError =>
  new GatewayError('ledger_unavailable', message, { outcome, cause });
