import { ReplyError } from 'ioredis';
import { GatewayError } from '../../kit/errors.js';

/** Messages of ioredis when there is no connection or no reply. */
const AWAY = /^(Stream isn't writeable|Command timed out|Connection is closed|Reached the max retries)|ECONN|EPIPE/;

/** Whether an error means that Redis did not answer. An error reply of Redis is an answer. */
export const isRedisAway = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof ReplyError) && AWAY.test(error.message);

/**
 * Error replies by which Redis says that it cannot serve now. The command was not executed. MOVED and ASK: another server
 * has the slot, and must be compared with Postgres before it is used (many-servers.ts).
 */
const NOT_SERVING = /^(OOM|MISCONF|READONLY|LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|MOVED|ASK) /;

export const isNotServing = (error: unknown): error is Error => error instanceof ReplyError && NOT_SERVING.test((error as Error).message);

/** Turns an outage of Redis into `ledger_unavailable` and returns every other error unchanged. */
export function redisOutage(error: unknown): unknown {
  if (isNotServing(error)) {
    const message = 'the ledger cannot accept this now; retry shortly';
    return new GatewayError('ledger_unavailable', message, { outcome: 'not_executed', cause: error });
  }
  if (!isRedisAway(error) || error instanceof GatewayError) return error;
  return new GatewayError('ledger_unavailable', 'the ledger did not answer in time', { outcome: 'unknown', cause: error });
}
