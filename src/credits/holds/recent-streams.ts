import { readEndedSessions, readOpenSessions } from '../../books/session.table.js';
import type { Freshen } from '../../journal/freshen.js';
import type { Clock } from '../../kit/clock.js';
import { joined } from '../../kit/ids.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { toEndedStream, type EndedStream } from './ended-stream.js';
import { listOpenStreams } from './list-open-streams.js';
import { toOpenStream, type OpenStream } from './stream-hold.js';

export type RecentStreamsDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly freshen: Freshen;
  readonly clock: Clock;
};

/** What the original lists at most (docs/contracts/accounting-service.md#streaming-sessions). */
const RECENT_OF_ACCOUNT_MAX = 20;
const RECENT_OF_ALL_MAX = 50;
const MINUTE_MS = 60_000;

/**
 * The streams of an account, or (null) of all accounts, that are open or ended in the last minutes: first the open ones,
 * newest first, then the others, latest end first. It includes streams that ended just now.
 *
 * Open ones are read before ended ones: a stream that ends in between is then in both, and shown once, as ended. The
 * other way round it would be in neither. Throws GatewayError ledger_unavailable.
 */
export async function recentStreams(
  { db, ledger, freshen, clock }: RecentStreamsDeps, accountId: string | null, minutes: number,
): Promise<(OpenStream | EndedStream)[]> {
  const limit = accountId === null ? RECENT_OF_ALL_MAX : RECENT_OF_ACCOUNT_MAX;
  try {
    // Reading an account ends what is due of it first, so an abandoned stream is never in neither list.
    const open = accountId === null ? await openOfAll() : (await listOpenStreams({ ledger }, accountId)).reverse();
    if (accountId !== null) await freshen.account(accountId);
    const ended = (await readEndedSessions(db, accountId, clock() - minutes * MINUTE_MS, limit)).map(toEndedStream);
    const over = new Set(ended.map(nameOf));
    return [...open.filter((stream) => !over.has(nameOf(stream))), ...ended].slice(0, limit);
  } catch (error) {
    throw toGatewayError(error);
  }

  async function openOfAll(): Promise<OpenStream[]> {
    await freshen.all();
    return (await readOpenSessions(db, clock(), 'newest', RECENT_OF_ALL_MAX)).map((row) => toOpenStream(row.accountId, row));
  }
}

/** The account id has no colon (ids.ts). */
const nameOf = ({ accountId, seq }: OpenStream): string => joined(accountId, seq);
