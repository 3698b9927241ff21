import { parseArgs } from 'node:util';
import { countTransactions } from '../src/books/count-transactions.js';
import type { Transaction } from '../src/books/transaction.js';
import { insertTransactions, readTotals } from '../src/books/transaction.table.js';
import { creditStatistics } from '../src/credits/statement/credit-statistics.js';
import {
  AMOUNT_OFFSET_MAX, AMOUNT_PERIOD_MAX, readTransactions, type ListTransactionsQuery,
} from '../src/credits/statement/list-transactions.js';
import { micros, ZERO } from '../src/kit/money/micros.js';
import { connectPostgres, drainProfile, type Db } from '../src/stores/postgres/connect.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { fillStatement } from '../test/support/fill-statement.js';
import { throwawayPostgres } from '../test/support/servers.js';
import { median, percentile } from './statistics.js';

/**
 * `npm run bench:transactions`: compares pages and statistics of a statement of a million lines with those of a thousand
 * lines, in one table and in turns. What costs the same does not depend on the length; what a limit bounds is shown with
 * its limit. Exits with code 1 when a page of the long statement takes more than twice as long.
 */
const { values } = parseArgs({ options: {
  rounds: { type: 'string', default: '40' }, short: { type: 'string', default: '1000' },
  long: { type: 'string', default: '1000000' },
} });
const rounds = Number(values.rounds);
const say = (line: string): void => { process.stderr.write(`${line}\n`); };

const YEAR_MS = 365 * 86_400_000;
const FROM_MS = Date.UTC(2026, 0, 1);
const WARMUP_ROUNDS = 3;
const RATIO_MAX = 2;
const BATCH_LINES = 500;

type Statement = { readonly accountId: string; readonly lines: number };
const short: Statement = { accountId: 'bench-short', lines: Number(values.short) };
const long: Statement = { accountId: 'bench-long', lines: Number(values.long) };

const whole = ({ accountId }: Statement): ListTransactionsQuery =>
  ({
    accountId, type: null, reason: null, fromMs: null, toMs: null, orderBy: 'createdAt', direction: 'desc', limit: 50, offset: 0,
    after: null,
  });
/** A moment of the year, as a share of it. */
const at = (share: number): number => FROM_MS + Math.floor(share * YEAR_MS);
const share = ({ lines }: Statement, part: number): number => Math.floor(lines * part);

/** `isFlat`: must cost the same for any length. The cost of the others is bounded by a limit. */
type Case = { readonly name: string; readonly isFlat: boolean; readonly run: (db: Db, statement: Statement) => Promise<unknown> };
const page = (name: string, more: (statement: Statement) => Partial<ListTransactionsQuery>, isFlat = true): Case =>
  ({ name, isFlat, run: async (db, statement) => readTransactions(db, { ...whole(statement), ...more(statement) }) });

const nobodyHas = { readBalance: () => Promise.resolve({ available: ZERO, held: ZERO, debt: ZERO }) };
const fresh = { account: () => Promise.resolve() };

const cases: readonly Case[] = [
  page('first page', () => ({})),
  page('first page, oldest first', () => ({ direction: 'asc' })),
  page('cursor in the middle', (statement) => ({ after: { atMs: at(0.5), id: 2 * share(statement, 0.5) } })),
  page('offset of a half', (statement) => ({ offset: share(statement, 0.5) })),
  page('offset to the last page', (statement) => ({ offset: statement.lines - 50 })),
  page('type PURCHASE (1 in 200)', () => ({ type: 'PURCHASE' })),
  page('type and reason, offset of a half', (statement) => ({ type: 'USAGE', reason: 'MODEL_USAGE', offset: share(statement, 0.03) })),
  page('two months', () => ({ fromMs: at(0.5), toMs: at(0.66) })),
  page('two months of one reason', () => ({ fromMs: at(0.5), toMs: at(0.66), reason: 'VOICE_SYNTHESIS' })),
  page('by amount', () => ({ orderBy: 'amount' })),
  page('by amount, of one type', () => ({ orderBy: 'amount', direction: 'asc', type: 'USAGE' })),
  { name: 'statistics of a month', isFlat: true, run: (db, { accountId }) =>
    creditStatistics({ db, ledger: nobodyHas, freshen: fresh }, { accountId, fromMs: at(0.5), toMs: at(0.58) }) },
  { name: 'statistics of the year', isFlat: true, run: (db, { accountId }) =>
    creditStatistics({ db, ledger: nobodyHas, freshen: fresh }, { accountId, fromMs: FROM_MS, toMs: at(1) }) },
  { name: `a drained batch of ${BATCH_LINES} lines`, isFlat: true, run: writeBatch },
  page(`by amount, offset ${AMOUNT_OFFSET_MAX}`, () => ({ orderBy: 'amount', offset: AMOUNT_OFFSET_MAX }), false),
  page(
    `by amount, of ${AMOUNT_PERIOD_MAX} lines of a period`,
    (statement) => ({ orderBy: 'amount', fromMs: at(0.3), toMs: at(0.3 + Math.min(0.6, (AMOUNT_PERIOD_MAX - 10) / statement.lines)) }),
    false,
  ),
];

/** What the drain adds to its transaction. Rolled back, so that every round starts with the same table. */
async function writeBatch(db: Db, { accountId, lines }: Statement): Promise<void> {
  const made = Array.from({ length: BATCH_LINES }, (_, index): Transaction => ({
    id: 2 * (lines + index + 1), accountId, atMs: at(1) + index, type: 'USAGE', reason: 'AI_CHAT', amount: micros(-1_000),
    balanceAfter: ZERO, description: null, metadata: '{}',
  }));
  const undo = new Error('undo');
  await db.transaction(async (trx) => {
    await insertTransactions(trx, countTransactions(made, await readTotals(trx, [accountId])));
    throw undo;
  }).catch((error: unknown) => { if (error !== undo) throw error; });
}

say('starting Postgres ...');
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
await migrate(postgres.ownerUrl, () => undefined);
const db = connectPostgres(postgres.url, drainProfile(5_000));
for (const { accountId, lines } of [short, long]) {
  say(`filling a statement of ${lines} lines ...`);
  await db.raw('set statement_timeout = 0');
  await fillStatement(db, { accountId, lines, fromMs: FROM_MS, stepMs: YEAR_MS / lines });
}
await db.raw('vacuum analyze transactions');
await db.raw('vacuum analyze transaction_totals');

const times = new Map(cases.map(({ name }) => [name, { short: [] as number[], long: [] as number[] }]));
const heapBefore = heap();
for (let round = -WARMUP_ROUNDS; round < rounds; round += 1) {
  for (const { name, run } of cases) {
    // The two take turns at being first, so that a slow phase of the machine affects both.
    for (const which of round % 2 === 0 ? (['short', 'long'] as const) : (['long', 'short'] as const)) {
      const startedAt = performance.now();
      await run(db, which === 'short' ? short : long);
      if (round >= 0) times.get(name)?.[which].push(performance.now() - startedAt);
    }
  }
}
const heapAfter = heap();

const column = (text: string): string => text.padStart(12);
const row = (name: string, columns: readonly string[]): string => name.padEnd(44) + columns.map(column).join('');
const ratios = cases.map(({ name, isFlat }) => {
  const { short: inShort, long: inLong } = times.get(name) ?? { short: [], long: [] };
  return { name, isFlat, inShort, inLong, ratio: median(inLong.map((each, index) => each / (inShort[index] ?? Number.NaN))) };
});
const steep = ratios.filter(({ isFlat, ratio }) => isFlat && ratio > RATIO_MAX);

process.stdout.write(`${[
  '',
  `medians of ${rounds} rounds, ms; pages of 50; statements of `
    + `${short.lines} and ${long.lines} lines over a year, in one table; Node ${process.version}`,
  '',
  row('', ['short', 'long', 'long p95', 'long : short']),
  ...ratios.map(({ name, isFlat, inShort, inLong, ratio }) =>
    row(name, [
      median(inShort).toFixed(2), median(inLong).toFixed(2), percentile(inLong, 0.95).toFixed(2),
      isFlat ? ratio.toFixed(2) : 'at its limit',
    ])),
  '',
  `heap of this process: ${heapBefore.toFixed(0)} MB before, ${heapAfter.toFixed(0)} MB after`,
  steep.length === 0 ? `flat: none takes more than ${RATIO_MAX} times as long` : `NOT FLAT: ${steep.map(({ name }) => name).join(', ')}`,
].join('\n')}\n`);
process.exitCode = steep.length === 0 ? 0 : 1;

await db.destroy();
await postgres.discard();

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1_048_576;
}
