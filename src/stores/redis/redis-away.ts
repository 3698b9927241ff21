import { ReplyError } from 'ioredis';
import { GatewayError } from '../../kit/errors.js';

/** Messages of ioredis when there is no connection or no reply. */
const AWAY = /^(Stream isn't writeable|Command timed out|Connection is closed|Reached the max retries)|ECONN|EPIPE/;

/** Whether an error means that Redis did not answer. An error reply of Redis is an answer. */
export const isRedisAway = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof ReplyError) && AWAY.test(error.message);

/**
 * Why Redis refuses all clients. Nothing is wrong with the command, and it was not executed. A value of a metric's label
 * (kit/metrics/catalogue.ts).
 *
 * - `busy`: a script runs for too long
 * - `read_only`: a replica, for example after a failover
 * - `disk`: it cannot write its append-only file or its snapshot, and accepts no writes until it can
 * - `memory`: maxmemory is reached; ends of holds pass
 * - `replicas`: fewer replicas follow than `min-replicas-to-write`
 * - `loading`: it reads its data after a start
 * - `cluster`: the cluster is down or moves a slot
 * - `access`: the user has lost a right
 */
export type RedisRefusal = 'busy' | 'read_only' | 'disk' | 'memory' | 'replicas' | 'loading' | 'cluster' | 'access';

/** By the first word of the error reply. */
const REFUSALS: ReadonlyMap<string, RedisRefusal> = new Map([
  ['BUSY', 'busy'], ['READONLY', 'read_only'], ['MASTERDOWN', 'read_only'], ['MISCONF', 'disk'], ['OOM', 'memory'],
  ['NOREPLICAS', 'replicas'], ['LOADING', 'loading'], ['CLUSTERDOWN', 'cluster'], ['TRYAGAIN', 'cluster'],
  // Another server has the slot, and must be compared with Postgres before it is used (many-servers.ts).
  ['MOVED', 'cluster'], ['ASK', 'cluster'],
  ['NOPERM', 'access'], ['NOAUTH', 'access'],
]);

/** For the operator who looks at `/readyz`. */
export const REFUSAL_WORDS: Readonly<Record<RedisRefusal, string>> = {
  busy: 'busy with a script that takes too long',
  read_only: 'read-only: it is a replica',
  disk: 'cannot write its files, and accepts no writes',
  memory: 'has reached maxmemory: only ends of holds pass',
  replicas: 'has too few replicas, and accepts no writes',
  loading: 'loads its data',
  cluster: 'is a cluster that is down or moves a slot',
  access: 'refuses this user',
};

/** Why Redis refuses all clients; null: it does not, or there is no answer at all. */
export const refusalOf = (error: unknown): RedisRefusal | null =>
  (error instanceof ReplyError ? REFUSALS.get((error as Error).message.split(' ', 1)[0] ?? '') ?? null : null);

/** Whether an error reply says that Redis cannot serve now and may later without an operator. */
export const isNotServing = (error: unknown): error is Error => {
  const refusal = refusalOf(error);
  return refusal !== null && refusal !== 'access';
};

/** Turns an outage of Redis into `ledger_unavailable` and returns every other error unchanged. */
export function redisOutage(error: unknown): unknown {
  if (refusalOf(error) !== null) {
    const message = 'the ledger cannot accept this now; retry shortly';
    return new GatewayError('ledger_unavailable', message, { outcome: 'not_executed', cause: error });
  }
  if (!isRedisAway(error) || error instanceof GatewayError) return error;
  return new GatewayError('ledger_unavailable', 'the ledger did not answer in time', { outcome: 'unknown', cause: error });
}
