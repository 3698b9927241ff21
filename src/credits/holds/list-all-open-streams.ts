import { readOpenSessions } from '../../books/session.table.js';
import type { Freshen } from '../../journal/freshen.js';
import type { Clock } from '../../kit/clock.js';
import { SNAPSHOT_HOLDS_MAX } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { toOpenStream, type OpenStream } from './stream-hold.js';

export type AllOpenStreamsDeps = { readonly db: Db; readonly freshen: Freshen; readonly clock: Clock };

/**
 * The open streams of all accounts, oldest first, with the same limit as for one account. Read from Postgres after a drain:
 * Redis orders open holds by the end of their lease in each shard, and would have to read each hold to find its account and
 * whether it is a stream. Throws GatewayError ledger_unavailable.
 */
export async function listAllOpenStreams({ db, freshen, clock }: AllOpenStreamsDeps): Promise<OpenStream[]> {
  await freshen.all();
  try {
    const rows = await readOpenSessions(db, clock(), 'oldest', SNAPSHOT_HOLDS_MAX);
    return rows.map((row) => toOpenStream(row.accountId, row));
  } catch (error) {
    throw toGatewayError(error);
  }
}
