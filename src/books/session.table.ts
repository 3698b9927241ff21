import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { fromMs, toMs } from '../stores/postgres/unnest.js';
import type { HoldState } from './hold.table.js';

/** The kind of a stream's hold. */
export const STREAM = 'stream';

/** The columns of a stream's hold that a list of sessions needs. */
export type SessionRow = {
  readonly accountId: string;
  readonly holdId: string;
  readonly kind: string;
  readonly seq: number;
  readonly state: HoldState;
  readonly amount: Micros;
  readonly captured: Micros;
  readonly price: string;
  readonly about: string;
  readonly endAbout: string | null;
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
  readonly endedAtMs: number | null;
};

const COLUMNS = `account_id as "accountId", hold_id as "holdId", kind, placed_seq as seq, state, amount, captured, price, about,
  end_about as "endAbout", ${toMs(
    'placed_at',
  )} as "placedAtMs", ${toMs('expires_at')} as "expiresAtMs", ${toMs('ended_at')} as "endedAtMs"`;

/** Must match the condition of the partial indexes of migration 0013, so that they can be used. */
const IS_STREAM = `kind = '${STREAM}'`;

/** Open streams of all accounts whose lease ends after `nowMs`. */
export async function readOpenSessions(db: Db, nowMs: number, order: 'oldest' | 'newest', limit: number): Promise<SessionRow[]> {
  const direction = order === 'oldest' ? 'asc' : 'desc';
  const { rows } = await db.raw<{ rows: SessionRow[] }>(
    `select ${COLUMNS} from holds
      where state = 'open' and ${IS_STREAM} and expires_at > ${fromMs('?::double precision')}
      order by placed_at ${direction}, account_id, placed_seq ${direction} limit ?::integer`,
    [nowMs, limit],
  );
  return rows;
}

/** Streams that ended at `sinceMs` or later, the last one first; of one account, or (null) of all. */
export async function readEndedSessions(db: Db, accountId: string | null, sinceMs: number, limit: number): Promise<SessionRow[]> {
  // For one account the condition is written differently, so that the planner must use the account's own index: the index
  // of all accounts' streams is also in the wanted order and looks cheap, but is slow for an account with few streams.
  const whose = accountId === null ? IS_STREAM : `kind || '' = '${STREAM}' and account_id = ?`;
  const { rows } = await db.raw<{ rows: SessionRow[] }>(
    `select ${COLUMNS} from holds
      where state <> 'open' and ended_at >= ${fromMs('?::double precision')} and ${whose}
      order by ended_at desc, account_id, ended_seq desc limit ?::integer`,
    [sinceMs, ...(accountId === null ? [] : [accountId]), limit],
  );
  return rows;
}
