import { GatewayError } from '../../kit/errors.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Precondition } from '../../kit/precondition.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

/** The balance below which an account causes `balance.low`. */
export type BalanceThreshold = { readonly amount: Micros; readonly version: number };

/** @throws GatewayError ledger_unavailable */
export const readBalanceThreshold = (db: Db, accountId: string): Promise<BalanceThreshold | null> => reached(read(db, accountId));

/** Replaces the threshold. `isNew`: there was none. @throws GatewayError precondition_failed, ledger_unavailable */
export function setBalanceThreshold(
  db: Db, accountId: string, amount: Micros, { check, actor }: { readonly check: Precondition; readonly actor: string },
): Promise<{ readonly threshold: BalanceThreshold; readonly isNew: boolean }> {
  return reached(db.transaction(async (trx) => {
    await lock(trx, accountId);
    const before = await read(trx, accountId);
    check(before?.version ?? null);
    if (before?.amount === amount) return { threshold: before, isNew: false };
    const { rows: [threshold] } = await trx.raw<{ rows: [BalanceThreshold] }>(
      `insert into balance_thresholds as old (account_id, amount, set_by) values (?, ?, ?)
       on conflict (account_id) do update set amount = excluded.amount, version = old.version + 1, set_by = excluded.set_by, set_at = now()
       returning amount, version`,
      [accountId, amount, actor],
    );
    return { threshold, isNew: before === null };
  }));
}

/** @throws GatewayError not_found, precondition_failed, ledger_unavailable */
export function removeBalanceThreshold(db: Db, accountId: string, check: Precondition): Promise<void> {
  return reached(db.transaction(async (trx) => {
    await lock(trx, accountId);
    const before = await read(trx, accountId);
    check(before?.version ?? null);
    if (before === null) throw new GatewayError('not_found', 'the account has no threshold');
    await trx.raw('delete from balance_thresholds where account_id = ?', [accountId]);
  }));
}

async function read(db: Db | Trx, accountId: string): Promise<BalanceThreshold | null> {
  const { rows } = await db.raw<{ rows: BalanceThreshold[] }>(
    'select amount, version from balance_thresholds where account_id = ?', [accountId],
  );
  return rows[0] ?? null;
}

const lock = async (trx: Trx, accountId: string): Promise<void> => {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('balance_threshold ' || ?, 0))`, [accountId]);
};

const reached = async <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => { throw toGatewayError(error); });
