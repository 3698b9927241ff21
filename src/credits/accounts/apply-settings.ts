import { GatewayError } from '../../kit/errors.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

/** Settings of an account are written to Postgres first; a request applies them to Redis, and a worker those that a request could not. */

/** Whether Redis has them now. False: Redis or Postgres did not answer, and the worker's turn comes to it. Throws any other error. */
export async function applied(apply: () => Promise<void>): Promise<boolean> {
  try {
    await apply();
    return true;
  } catch (error) {
    const failure = toGatewayError(error);
    if (failure instanceof GatewayError && failure.code === 'ledger_unavailable') return false;
    throw error;
  }
}

/** A change this old was left by a crash or an outage. */
const OLDER_THAN_MS = 2_000;
const BATCH_MAX = 200;

/** The worker's turn. Answers how many accounts have their settings now. */
export async function applyPending(
  pending: (olderThanMs: number, max: number) => Promise<readonly string[]>, apply: (accountId: string) => Promise<void>,
): Promise<number> {
  let count = 0;
  for (const accountId of await pending(OLDER_THAN_MS, BATCH_MAX)) if (await applied(() => apply(accountId))) count += 1;
  return count;
}
