import { GatewayError } from '../kit/errors.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, toMs as msOf, unnestSource } from '../stores/postgres/unnest.js';

/** By what usage is told apart, in the order in which series list it. '' where it is not known; spender '': the account itself. */
export type UsageNames = {
  readonly model: string; readonly feature: string; readonly spender: string; readonly apiKey: string; readonly reason: string;
};

/** Sums of a minute or of a longer bucket. Amounts are micros, tokens may be beyond 2^53: BigInts. */
export type UsageSums = {
  readonly uses: bigint;
  readonly tokens: bigint;
  readonly inputTokens: bigint;
  readonly outputTokens: bigint;
  /** Below zero where something was given back. */
  readonly captured: bigint;
  readonly uncollected: bigint;
};

/** What an account used in one minute under one combination of names. `line` is their digest. */
export type UsageMinute = UsageNames & UsageSums & { readonly accountId: string; readonly minuteMs: number; readonly line: string };

const source = unnestSource<UsageMinute>('u', {
  account_id: ['text', (row) => row.accountId],
  minute_ms: ['double precision', (row) => row.minuteMs],
  line: ['text', (row) => row.line],
  model: ['text', (row) => row.model],
  feature: ['text', (row) => row.feature],
  spender: ['text', (row) => row.spender],
  api_key: ['text', (row) => row.apiKey],
  reason: ['text', (row) => row.reason],
  uses: ['bigint', (row) => row.uses.toString()],
  tokens: ['numeric', (row) => row.tokens.toString()],
  input_tokens: ['numeric', (row) => row.inputTokens.toString()],
  output_tokens: ['numeric', (row) => row.outputTokens.toString()],
  captured: ['numeric', (row) => row.captured.toString()],
  uncollected: ['numeric', (row) => row.uncollected.toString()],
});

export const USAGE_SUMS = ['uses', 'tokens', 'input_tokens', 'output_tokens', 'captured', 'uncollected'] as const;
const VALUES = source.names.map((name) => (name === 'minute_ms' ? fromMs(name) : name)).join(', ');
const COLUMNS = source.names.map((name) => (name === 'minute_ms' ? 'minute' : name)).join(', ');

/**
 * Adds a batch's sums. The caller holds the locks of the shards, so this never waits for a lock. No two of `rows` may have
 * the same account, minute and line.
 */
export async function addUsageMinutes(trx: Trx, rows: readonly UsageMinute[]): Promise<void> {
  if (rows.length === 0) return;
  await prepared(trx,
    `insert into usage_minutes as old (${COLUMNS}) select ${VALUES} from ${source.sql}
     on conflict (account_id, minute, line) do update set
       ${USAGE_SUMS.map((name) => `${name} = old.${name} + excluded.${name}`).join(', ')}`,
    source.bind(rows),
  );
}

export const USAGE_INTERVALS = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type UsageInterval = (typeof USAGE_INTERVALS)[number];

/** What a series can be grouped by. */
export const USAGE_GROUPS = ['account', 'model', 'feature', 'spender', 'key', 'reason'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** Accounts whose usage is read: one, all whose ids begin with a text, or (an empty text) all. */
export type UsageAccounts = { readonly accountId: string } | { readonly prefix: string };

export type UsageQuery = {
  readonly of: UsageAccounts;
  /** Half-open. Minutes that it cuts count as a whole. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly interval: UsageInterval;
  /** IANA name. Buckets begin at its midnights, Mondays, firsts of the month. */
  readonly timeZone: string;
  readonly groupBy: readonly UsageGroup[];
  /** Only these. '' is what is not known; of spenders the account itself. */
  readonly only: Readonly<Partial<Record<Exclude<UsageGroup, 'account'>, string>>>;
};

/** One bucket of one group, with the members of `groupBy`. */
export type UsageBucket = UsageSums & { readonly startsAtMs: number; readonly group: Readonly<Partial<Record<UsageGroup, string>>> };

const COLUMN: Readonly<Record<UsageGroup, string>> = {
  account: 'account_id', model: 'model', feature: 'feature', spender: `coalesce(nullif(spender, ''), account_id)`, key: 'api_key',
  reason: 'reason',
};

/** Rows of one fetch: what a reader holds in memory. */
const FETCH_ROWS = 500;

type Row = { readonly at: number } & Readonly<Record<`g_${UsageGroup}` | (typeof USAGE_SUMS)[number], string>>;

/**
 * A series in the order of time, then of its groups: only buckets with usage. A cursor of Postgres, so a series of any
 * length takes little memory; the transaction lasts until the last bucket was taken or the iteration is ended.
 */
export async function* readUsage(db: Db, query: UsageQuery): AsyncGenerator<UsageBucket, void, void> {
  const { text, bindings } = statementOf(query);
  const trx = await db.transaction();
  try {
    await trx.raw(`declare usage_series no scroll cursor for ${text}`, bindings);
    for (;;) {
      const { rows } = await trx.raw<{ rows: Row[] }>(`fetch ${FETCH_ROWS} from usage_series`);
      for (const row of rows) yield toBucket(row, query.groupBy);
      if (rows.length < FETCH_ROWS) return;
    }
  } catch (error) {
    // Its connection was lost between two statements: knex then says only that the transaction has ended.
    throw trx.isCompleted()
      ? new GatewayError('ledger_unavailable', 'the ledger database did not answer', { outcome: 'not_executed', cause: error })
      : error;
  } finally {
    // Nothing was written. It fails only where the connection is lost, and with it the transaction.
    await trx.rollback().catch(() => undefined);
  }
}

function statementOf({ of, fromMs: from, toMs: to, interval, timeZone, groupBy, only }: UsageQuery) {
  const groups = groupBy.map((name) => `${COLUMN[name]} as g_${name}`);
  const sums = USAGE_SUMS.map((name) => `sum(${name})::text as ${name}`);
  const filters = Object.keys(only) as (keyof typeof only)[];
  const text = `
    select ${msOf('date_trunc(:interval, minute, :timeZone)')} as at, ${[...groups, ...sums].join(', ')}
      from usage_minutes
     where minute >= date_trunc('minute', ${fromMs(':from::double precision')}, 'UTC')
       and minute < ${fromMs(':to::double precision')}
       and ${'accountId' in of ? 'account_id = :accountId' : 'starts_with(account_id, :prefix)'}
       ${filters.map((name) => `and ${COLUMN[name]} = :${name}`).join(' ')}
     group by ${numbers(groups.length + 1)} order by ${numbers(groups.length + 1)}`;
  return { text, bindings: { interval, timeZone, from, to, ...of, ...only } };
}

const numbers = (count: number): string => Array.from({ length: count }, (_, index) => index + 1).join(', ');

const toBucket = (row: Row, groupBy: readonly UsageGroup[]): UsageBucket => ({
  startsAtMs: row.at, group: Object.fromEntries(groupBy.map((name) => [name, row[`g_${name}`]])),
  uses: BigInt(row.uses), tokens: BigInt(row.tokens), inputTokens: BigInt(row.input_tokens), outputTokens: BigInt(row.output_tokens),
  captured: BigInt(row.captured), uncollected: BigInt(row.uncollected),
});
