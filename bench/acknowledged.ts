import { setTimeout } from 'node:timers/promises';
import { parseCredits } from '../src/kit/money/credits.js';
import type { Ledger } from '../src/ledger/ledger.js';
import type { Db } from '../src/stores/postgres/connect.js';
import type { LedgerView } from './ledger-view.js';
import { sum } from './statistics.js';

/** What the gateway acknowledged during a run: each hold with the amounts in its answers, in micros. */
export type Acknowledged = {
  readonly accountId: string;
  readonly holdId: string;
  readonly held: number;
  /** Undefined: no settle was acknowledged. */
  charged: number | undefined;
};

type HoldRow = {
  readonly account_id: string;
  readonly hold_id: string;
  readonly state: string;
  readonly amount: number;
  readonly captured: number;
};
type AccountRow = {
  readonly account_id: string;
  readonly seq: number;
  readonly available: number;
  readonly held: number;
  readonly debt: number;
};

/** An amount in an answer, in micros. Any other value than credits is a bug. */
export function creditsIn(answer: Readonly<Record<string, unknown>>, field: string): number {
  const amount = parseCredits(answer[field]);
  if (typeof amount === 'string') throw new Error(`${field} is ${amount} in ${JSON.stringify(answer)}`);
  return amount;
}

const DRAIN_TIMEOUT_MS = 120_000;
const DRAIN_POLL_MS = 10;

/** Waits until Postgres has so many entries. */
export async function drained(db: Db, entries: number): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (await entriesInPostgres(db) < entries) {
    if (performance.now() > deadline) throw new Error(`the journal is still behind after ${DRAIN_TIMEOUT_MS} ms: is the worker running?`);
    await setTimeout(DRAIN_POLL_MS);
  }
}

/**
 * Waits until Postgres has all that was written of these accounts, and there are no others; what calls with an unknown outcome wrote,
 * too. Returns the number of entries.
 */
export async function drainedAll({ ledger, db }: LedgerView, accountIds: readonly string[]): Promise<number> {
  const accounts = await Promise.all(accountIds.map((accountId) => ledger.readAccount(accountId)));
  const entries = sum(accounts.map(({ seq }) => seq));
  await drained(db, entries);
  return entries;
}

/** Number of entries in Postgres. Numbers are gap-free per account, so it is the sum of the last ones. */
async function entriesInPostgres(db: Db): Promise<number> {
  const { rows } = await db.raw<{
    rows: readonly { readonly total: string }[];
  }>('select coalesce(sum(seq), 0)::text as total from accounts');
  return Number(rows[0]?.total);
}

/** Compares acknowledgements with Postgres and Redis after the journal was drained. Returns the differences. */
export async function findLosses(
  db: Db, ledger: Ledger, accountIds: readonly string[], acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const problems: string[] = [];
  const { rows: holds } = await db.raw<{ rows: readonly HoldRow[] }>(
    'select account_id, hold_id, state, amount, captured from holds where account_id = any(?)', [[...accountIds]]);
  const stored = new Map(holds.map((hold) => [`${hold.account_id}:${hold.hold_id}`, hold]));
  for (const { accountId, holdId, held, charged } of acknowledged) {
    const hold = stored.get(`${accountId}:${holdId}`);
    if (hold?.amount !== held) problems.push(`hold ${holdId}: acknowledged ${held}, Postgres has ${hold?.amount ?? 'nothing'}`);
    else if (charged !== undefined && (hold.state !== 'settled' || hold.captured !== charged)) {
      problems.push(`hold ${holdId}: acknowledged as settled for ${charged}, Postgres has ${hold.state} for ${hold.captured}`);
    }
  }

  const { rows: accounts } = await db.raw<{ rows: readonly AccountRow[] }>(
    'select account_id, seq, available, held, debt from accounts where account_id = any(?)', [[...accountIds]]);
  const { rows: counts } = await db.raw<{ rows: readonly { readonly account_id: string; readonly entries: number }[] }>(
    'select account_id, count(*) as entries from entries where account_id = any(?) group by account_id', [[...accountIds]]);
  const entriesOf = new Map(counts.map(({ account_id: id, entries }) => [id, entries]));
  if (accounts.length !== accountIds.length) problems.push(`${accountIds.length} accounts were used, Postgres has ${accounts.length}`);
  for (const { account_id: id, seq, available, held, debt } of accounts) {
    if (entriesOf.get(id) !== seq) problems.push(`account ${id}: ${entriesOf.get(id) ?? 0} entries, the last is number ${seq}`);
    const now = await ledger.readBalance(id);
    if (now.available !== available || now.held !== held || now.debt !== debt) {
      problems.push(`account ${id}: Redis has ${JSON.stringify(now)}, Postgres ${JSON.stringify({ available, held, debt })}`);
    }
  }
  return problems;
}
