import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Period } from '../../../src/books/usage-rollup.js';
import { accountUsage, systemUsage, type Amounts } from '../../../src/credits/usage/usage-stats.js';
import { freshen } from '../../../src/journal/freshen.js';
import { sharedDrain } from '../../../src/journal/shared-drain.js';
import { ALL_SHARDS, drainLab, type DrainLab } from '../../journal/drain-lab.js';
import { aboutUsage } from '../../journal/usage-lab.js';
import { randomOf } from '../../support/random.js';

/** Statistics against the records themselves: a recount in the simplest words, for random periods. */
let lab: DrainLab;
const deps = () => ({ db: lab.db, freshen: freshen(sharedDrain(lab.drain), lab.keys) });

type Used = {
  readonly accountId: string;
  readonly seq: number;
  readonly atMs: number;
  readonly service: string;
  readonly operation: string;
  readonly credits: number;
};
const used: Used[] = [];
const BEGIN_MS = Date.parse('2027-12-25T00:00:00Z');
const HOUR_MS = 3_600_000;
const HOURS = 24 * 75; // over New Year and a leap day

beforeAll(async () => {
  lab = await drainLab();
  const random = randomOf(11);
  for (let index = 0; index < 5; index += 1) {
    const account = lab.account();
    const times = Array.from({
      length: 200,
    }, () => BEGIN_MS + random.integer(0, HOURS) * HOUR_MS + random.pick([0, 0, -1, 1, random.integer(0, HOUR_MS)])).sort((a, b) => a - b);
    const pipeline = lab.redis.pipeline();
    for (const atMs of times) {
      const service = random.pick(['chat', 'chat-streaming', 'image', '__proto__', 'hasOwnProperty']);
      const operation = random.pick(['gpt-4', '__proto__', 'm1', '7']);
      const credits = random.integer(0, 5_000_000);
      const entry = account.debit('charge', 0, { atMs, about: aboutUsage(service, operation, { credits, metadata: { credits } }) });
      pipeline.xadd(lab.keys.shard(lab.keys.shardOf(account.accountId), 1).journal, '*', ...entry);
      used.push({ accountId: account.accountId, seq: account.balance.seq, atMs, service, operation, credits });
    }
    await pipeline.exec();
  }
});
afterAll(async () => { await lab.close(); });

const sumBy = (records: readonly Used[], nameOf: (record: Used) => string): Record<string, bigint> => {
  const sums = new Map<string, bigint>();
  for (const record of records) sums.set(nameOf(record), (sums.get(nameOf(record)) ?? 0n) + BigInt(record.credits));
  return Object.fromEntries(sums);
};

const recount = (records: readonly Used[]): object => ({
  totalRecords: records.length,
  uncollectedRecords: 0,
  uncollectedCredits: 0n,
  totalCredits: records.reduce((sum, { credits }) => sum + BigInt(credits), 0n),
  byService: sumBy(records, ({ service }) => service),
  byDay: sumBy(records, ({ atMs }) => new Date(atMs).toISOString().slice(0, 10)),
  byModel: sumBy(records.filter(({ service }) => service === 'chat' || service === 'chat-streaming'), ({ operation }) => operation),
});

const plain = (amounts: Amounts): Record<string, bigint> => Object.fromEntries(amounts);
const within = ({ fromMs, toMs }: Period) => ({ atMs }: Used): boolean => atMs >= fromMs && atMs < toMs;

function randomPeriod(random: ReturnType<typeof randomOf>): Period {
  const grid = random.pick([1, 1_000, HOUR_MS, 24 * HOUR_MS]);
  const edge = (): number => Math.floor((BEGIN_MS + random.integer(-48, HOURS + 48) * HOUR_MS + random.integer(-2, 2)) / grid) * grid;
  const [fromMs, toMs] = [edge(), edge()].sort((a, b) => a - b);
  return random.chance(0.1) ? { fromMs: 0, toMs: Date.UTC(10_000, 0, 1) } : { fromMs: fromMs ?? 0, toMs: toMs ?? 0 };
}

test('an account\'s statistics are the recount of its records, for any period', async () => {
  const random = randomOf(12);
  const accounts = [...new Set(used.map(({ accountId }) => accountId))];
  for (let round = 0; round < 150; round += 1) {
    const period = randomPeriod(random);
    const accountId = random.pick(accounts);
    const mine = used.filter((record) => record.accountId === accountId).filter(within(period));
    const { recent, byService, byDay, byModel, ...totals } = await accountUsage(deps(), accountId, period);
    expect({ ...totals, byService: plain(byService), byDay: plain(byDay), byModel: plain(byModel) }).toEqual(recount(mine));
    expect([...byDay.keys()]).toEqual([...byDay.keys()].sort());
    expect(recent).toEqual(mine.slice(-10).map(({ seq, atMs, service, operation, credits }) => ({
      seq, atMs, service, operation, credits, uncollected: 0, metadata: { credits },
    })));
  }
});

test('the statistics of the system match a recount over all accounts', async () => {
  const random = randomOf(13);
  for (let round = 0; round < 100; round += 1) {
    const period = randomPeriod(random);
    const theirs = used.filter(within(period));
    const { byUser, byService, byDay, byModel, ...totals } = await systemUsage(deps(), period);
    expect({ ...totals, byService: plain(byService), byDay: plain(byDay), byModel: plain(byModel) }).toEqual(recount(theirs));
    expect(plain(byUser)).toEqual(sumBy(theirs, ({ accountId }) => accountId));
    expect([...byUser.values()]).toEqual([...byUser.values()].sort((a, b) => Number(b - a)));
  }
});

test('an unknown account used nothing', async () => {
  expect(await accountUsage(deps(), 'unknown', { fromMs: 0, toMs: Date.UTC(10_000, 0, 1) }))
    .toEqual({
      totalRecords: 0, totalCredits: 0n, uncollectedRecords: 0, uncollectedCredits: 0n, byService: new Map(), byDay: new Map(),
      byModel: new Map(), recent: [],
    });
});

test('of more names than fit into an answer, those with the most credits are named, and all are in the totals', async () => {
  const account = lab.account();
  const atMs = Date.UTC(2031, 0, 1);
  const pipeline = lab.redis.pipeline();
  for (let index = 1; index <= 1_005; index += 1) {
    const entry = account.debit('charge', 0, { atMs, about: aboutUsage(`service-${index}`, 'x', { credits: index }) });
    pipeline.xadd(lab.keys.shard(lab.keys.shardOf(account.accountId), 1).journal, '*', ...entry);
  }
  await pipeline.exec();
  const usage = await accountUsage(deps(), account.accountId, { fromMs: 0, toMs: Date.UTC(10_000, 0, 1) });
  expect([usage.totalRecords, usage.totalCredits, usage.byService.size]).toEqual([1_005, 505_515n, 1_000]);
  expect([usage.byService.has('service-5'), usage.byService.get('service-1005'), usage.byDay.get('2031-01-01')]).toEqual([
    false, 1_005n, 505_515n,
  ]);
});

test('many readers at once share the drains that bring Postgres up to date', async () => {
  const account = lab.account();
  let runs = 0;
  const drain = sharedDrain((shards) => {
    runs += 1;
    return lab.drain(shards);
  });
  const fresh = freshen(drain, lab.keys);
  await lab.write(account, account.debit('charge', 0, { about: aboutUsage('image', 'x', { credits: 1 }) }));
  const answers = await Promise.all(Array.from({
    length: 200,
  }, () => accountUsage({ db: lab.db, freshen: fresh }, account.accountId, { fromMs: 0, toMs: Date.UTC(10_000, 0, 1) })));
  expect(new Set(answers.map(({ totalRecords }) => totalRecords))).toEqual(new Set([1]));
  expect(runs).toBeLessThanOrEqual(3);
});

test('what another drainer has under way is waited for; one that takes for ever is not', async () => {
  const account = lab.account(1);
  await lab.write(account, account.debit('charge', 0, { about: aboutUsage('image', 'x', { credits: 1 }) }));
  const drain = sharedDrain(lab.drain);
  let release = (): void => undefined;
  const hasLock = new Promise<void>((locked) => {
    void lab.db.transaction(async (trx) => {
      await trx.raw('select from shards where shard = 1 for update');
      locked();
      await new Promise<void>((resolve) => { release = resolve; });
    });
  });
  await hasLock;
  const reading = drain([1]);
  setTimeout(() => { release(); }, 700);
  expect(await reading).toMatchObject({ entries: 1, busy: [] });
  const stuck = sharedDrain(() => new Promise(() => undefined));
  await expect(stuck(ALL_SHARDS)).rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
});

test('a backlog is read to its end; what keeps coming in while it is read is not', async () => {
  const report = { redelivered: 0, busy: [], stopped: [], durationMs: 1 };
  const runsOf = async (...entries: number[]): Promise<number> => {
    let runs = 0;
    await sharedDrain(() => Promise.resolve({ ...report, batches: 20, entries: entries[runs++] ?? 0 }))(ALL_SHARDS);
    return runs;
  };
  expect([await runsOf(20_000, 19_990, 700), await runsOf(700, 700), await runsOf(0)]).toEqual([3, 1, 1]);
});

test('a reader is told that Redis is away, not that something broke', async () => {
  const away = sharedDrain(() => Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false")));
  await expect(away([0])).rejects.toMatchObject({ code: 'ledger_unavailable' });
  const broken = sharedDrain(() => Promise.reject(new TypeError('a bug')));
  await expect(broken([0])).rejects.toThrow('a bug');
});
