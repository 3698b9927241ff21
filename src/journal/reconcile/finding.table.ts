import type { Db } from '../../stores/postgres/connect.js';
import { toMs, unnestSource } from '../../stores/postgres/unnest.js';
import type { Difference, DriftCheck } from './comparison.js';

/** A difference that was found, with the times of its first and last sighting. */
export type Finding = {
  readonly findingId: number;
  /** '' for a difference in the sum over all accounts. */
  readonly accountId: string;
  readonly check: DriftCheck;
  readonly shard: number | null;
  readonly seq: number | null;
  readonly expected: string;
  readonly actual: string;
  readonly differenceMicros: number;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
};

/** A difference with its account. */
export type FoundDifference = Difference & { readonly accountId: string; readonly shard: number | null; readonly seq: number | null };

const source = unnestSource<FoundDifference>('f', {
  account_id: ['text', (row) => row.accountId],
  check_name: ['text', (row) => row.check],
  shard: ['integer', (row) => row.shard],
  seq: ['bigint', (row) => row.seq],
  expected: ['text', (row) => row.expected.replaceAll('\0', '')],
  actual: ['text', (row) => row.actual.replaceAll('\0', '')],
  micros: ['bigint', (row) => row.micros],
});

const COLUMNS = `finding_id as "findingId", account_id as "accountId", "check", shard, seq, expected, actual,
  difference_micros as "differenceMicros", ${toMs('first_seen_at')} as "firstSeenAtMs", ${toMs('last_seen_at')} as "lastSeenAtMs"`;

/** Stores findings, new or repeated. Returns the new ones. */
export async function recordFindings(db: Db, found: readonly FoundDifference[]): Promise<Finding[]> {
  if (found.length === 0) return [];
  const { rows } = await db.raw<{ rows: (Finding & { isNew: boolean })[] }>(
    `insert into drift_findings as known (account_id, "check", shard, seq, expected, actual, difference_micros)
     select account_id, check_name, shard, seq, expected, actual, micros from ${source.sql}
     on conflict (account_id, "check") where resolved_at is null do update set
       shard = excluded.shard, seq = excluded.seq, expected = excluded.expected, actual = excluded.actual,
       difference_micros = excluded.difference_micros, last_seen_at = now()
     returning ${COLUMNS}, xmax = 0 as "isNew"`,
    source.bind(found),
  );
  return rows.filter(({ isNew }) => isNew);
}

type Looked = { readonly accountId: string; readonly check: string };
const lookedSource = unnestSource<Looked>('l', { account_id: ['text', (row) => row.accountId], check_name: ['text', (row) => row.check] });

/** Resolves the open findings of these accounts that were not found again. Returns the resolved ones. */
export async function resolveFindings(db: Db, accountIds: readonly string[], still: readonly Looked[]): Promise<Finding[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await db.raw<{ rows: Finding[] }>(
    `update drift_findings set resolved_at = now()
      where resolved_at is null and account_id = any(?::text[])
        and (account_id, "check") not in (select account_id, check_name from ${lookedSource.sql})
     returning ${COLUMNS}`,
    [[...accountIds], ...lookedSource.bind(still)],
  );
  return rows;
}

/** Open findings, the newest first. */
export async function readFindings(db: Db, limit: number): Promise<Finding[]> {
  const { rows } = await db.raw<{ rows: Finding[] }>(
    `select ${COLUMNS} from drift_findings where resolved_at is null order by first_seen_at desc, finding_id desc limit ?::integer`,
    [limit],
  );
  return rows;
}

/** Accounts with open findings, longest unchecked first; '' is the sum over all accounts. */
export async function accountsWithFindings(db: Db, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" from drift_findings where resolved_at is null
      group by account_id order by min(last_seen_at) limit ?::integer`,
    [limit],
  );
  return rows.map(({ accountId }) => accountId);
}

export type OpenDrift = { readonly check: DriftCheck; readonly accounts: number; readonly micros: number };

/** Open drift by check; checks without findings are left out. */
export async function sumFindings(db: Db): Promise<OpenDrift[]> {
  const { rows } = await db.raw<{ rows: OpenDrift[] }>(
    `select "check", count(*) as accounts, sum(difference_micros)::double precision as micros from drift_findings
       where resolved_at is null group by "check"`,
  );
  return rows;
}
