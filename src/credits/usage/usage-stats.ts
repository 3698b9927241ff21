import type { Period } from '../../books/usage-rollup.js';
import type { Freshen } from '../../journal/freshen.js';
import type { SumOfMicros } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { readLatestUsage, readStatsLines, readTopUsers, readUncollected, type StatsLine, type Whose } from './usage-stats.table.js';

export type UsageStatsDeps = { readonly db: Db; readonly freshen: Freshen };

/** What each name came to. */
export type Amounts = ReadonlyMap<string, SumOfMicros>;

export type UsageSums = {
  readonly totalRecords: number;
  readonly totalCredits: SumOfMicros;
  /** Unpaid usage. The other totals do not contain refused usage. */
  readonly uncollectedRecords: number;
  readonly uncollectedCredits: SumOfMicros;
  readonly byService: Amounts;
  /** `YYYY-MM-DD` in UTC, the first day first; days without usage are left out. */
  readonly byDay: Amounts;
  /** Of chats only. */
  readonly byModel: Amounts;
};

export type AccountUsage = UsageSums & { readonly recent: readonly UsageEvent[] };
export type SystemUsage = UsageSums & { readonly byUser: Amounts };

export type UsageEvent = {
  readonly seq: number; readonly atMs: number; readonly service: string; readonly operation: string;
  readonly credits: Micros; readonly uncollected: Micros; readonly metadata: unknown;
};

/** What the original shows of the latest usage. */
const RECENT_MAX = 10;
/** Services, models and users in one answer, those with the most credits. The totals and the days count everything. */
const NAMES_MAX = 1_000;

/**
 * The usage of an account in a period, including the latest records; zeros for an unknown account. Throws GatewayError
 * ledger_unavailable.
 */
export async function accountUsage({ db, freshen }: UsageStatsDeps, accountId: string, period: Period): Promise<AccountUsage> {
  await freshen.account(accountId);
  return asked(async () => {
    const [sums, latest] = await Promise.all([readSums(db, accountId, period), readLatestUsage(db, accountId, period, RECENT_MAX)]);
    return { ...sums, recent: latest.reverse().map((record) => ({ ...record, metadata: JSON.parse(record.metadata) as unknown })) };
  });
}

/** The usage of all accounts in a period, including the latest records. Throws GatewayError ledger_unavailable. */
export async function systemUsage({ db, freshen }: UsageStatsDeps, period: Period): Promise<SystemUsage> {
  await freshen.all();
  return asked(async () => {
    const [sums, users] = await Promise.all([readSums(db, null, period), readTopUsers(db, period, NAMES_MAX)]);
    return { ...sums, byUser: new Map(users.map(({ accountId, credits }) => [accountId, BigInt(credits)])) };
  });
}

async function readSums(db: Db, whose: Whose, period: Period): Promise<UsageSums> {
  const [lines, uncollected] = await Promise.all([readStatsLines(db, whose, period, NAMES_MAX), readUncollected(db, whose, period)]);
  const total = lines.find(({ part }) => part === 'total');
  const amounts = (part: StatsLine['part']): Amounts =>
    new Map(lines.filter((line) => line.part === part).map(({ name, credits }) => [name, BigInt(credits)]));
  return {
    totalRecords: Number(total?.records ?? 0),
    totalCredits: BigInt(total?.credits ?? 0),
    uncollectedRecords: uncollected.records,
    uncollectedCredits: BigInt(uncollected.credits),
    byService: amounts('service'),
    byDay: amounts('day'),
    byModel: amounts('model'),
  };
}

async function asked<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw toGatewayError(error);
  }
}
