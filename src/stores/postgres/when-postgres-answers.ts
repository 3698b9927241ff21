import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../kit/log.js';
import { classifyPostgresError, isRetryable, troubleIn } from './errors.js';
import { TROUBLE_WORDS } from './trouble.js';

const RETRY_MS = 500;

/**
 * For work that a process needs before it can start, and that may run again after it failed. While Postgres is away, too slow or
 * refuses all clients, the work is tried again, and `log` has one line about it. Throws every other error of the work, and that
 * Postgres refuses the role, which waiting does not change.
 */
export async function whenPostgresAnswers<T>(log: Pick<Log, 'error'>, what: string, work: () => Promise<T>): Promise<T> {
  for (let told = false; ; told = true) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || troubleIn(error) === 'access') throw error;
      if (!told) {
        log.error(
          `${what}: Postgres does not answer (${reasonOf(error)}): start it, or raise POSTGRES_TIMEOUT_MS if it is slow; waiting for it`,
        );
      }
      await sleep(RETRY_MS);
    }
  }
}

function reasonOf(error: unknown): string {
  const trouble = troubleIn(error);
  if (trouble !== null) return TROUBLE_WORDS[trouble];
  // knex's own text guesses at a pool that is too small.
  if (error instanceof Error && error.name === 'KnexTimeoutError') return 'no connection in time';
  if (classifyPostgresError(error) === 'contention') return 'no answer in time';
  const cause: unknown = error instanceof AggregateError ? error.errors[0] : error;
  // knex puts the statement in front.
  return (cause instanceof Error ? cause.message : String(cause)).split(' - ').at(-1) ?? '';
}
