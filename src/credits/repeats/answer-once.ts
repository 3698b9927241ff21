import { GatewayError, isOutage } from '../../kit/errors.js';
import { KEYS_KEPT_DAYS } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { rethrow, toGatewayError } from '../../stores/postgres/errors.js';
import {
  claimRequest, forgetAnswers, keepAnswer, readRequest, releaseRequest, type KeptAnswer, type KeptRequest, type RequestName,
} from './kept-answer.table.js';

export type Answered = { readonly answer: KeptAnswer; readonly replayed: boolean };

/**
 * Does a write once under its name. A repeat with the same fingerprint gets the first answer; while there is none, because the
 * first request still runs or its process died, the repeat does the work too, so the work must be idempotent by nature. A write
 * that is refused is not remembered: it changed nothing.
 *
 * @throws GatewayError idempotency_mismatch (the name belongs to another request), ledger_unavailable (`not_executed`: Postgres
 *   did not answer before the work began), and whatever `work` throws.
 */
export async function answerOnce(db: Db, name: RequestName, fingerprint: string, work: () => Promise<KeptAnswer>): Promise<Answered> {
  const earlier = await claimRequest(db, name, fingerprint).catch(rethrow);
  const known = replayOf(earlier, fingerprint);
  if (known !== null) return known;
  if (earlier === null) await forgetAnswers(db, KEYS_KEPT_DAYS).catch(ignoreOutage);
  try {
    const answer = await work();
    // The work is done: without this answer, a repeat does it again and changes nothing.
    await keepAnswer(db, name, fingerprint, answer).catch(ignoreOutage);
    return { answer, replayed: false };
  } catch (error) {
    if (!(error instanceof GatewayError) || isOutage(error)) throw error;
    // Refused, perhaps because the first request, which ran at the same time, has changed what this one was about.
    const first = await readRequest(db, name).catch(ignoreOutage);
    const replay = replayOf(first ?? null, fingerprint);
    if (replay !== null) return replay;
    await releaseRequest(db, name).catch(ignoreOutage);
    throw error;
  }
}

function replayOf(earlier: KeptRequest | null, fingerprint: string): Answered | null {
  if (earlier === null) return null;
  if (earlier.fingerprint !== fingerprint) {
    throw new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');
  }
  return earlier.answer === null ? null : { answer: earlier.answer, replayed: true };
}

function ignoreOutage(error: unknown): undefined {
  const known = toGatewayError(error);
  if (!isOutage(known)) throw known;
  return undefined;
}
