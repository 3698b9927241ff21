import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PriceBooks } from '../../../src/credits/prices/price-books.js';
import { costOfTokens } from '../../../src/credits/prices/token-book.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { throwawayPostgres } from '../../support/servers.js';
import { priceLab, until, type PriceLab } from './lab.js';

/** A changed price reaches every process within a second, and reading a price needs no Postgres. */
let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

const LITE = 'amazon.nova-lite-v1:0';
const costOf = ({ tokens }: PriceBooks, model = LITE): number => toCredits(costOfTokens(tokens.priceOf(model), 1_000_000));
const setLite = (input: string) => lab.set({ book: 'tokens', model: LITE, prices: { input, output: '0.800' } });

test('with the listener: at once', async () => {
  const { books } = await lab.open({ isListening: true });
  await until(() => costOf(books) === 525);
  await setLite('0.300');
  expect(costOf(lab.books)).toBe(550);
  expect(await until(() => costOf(books) === 550)).toBeLessThan(1_000);
});

test('without it: with the next look', async () => {
  const { books } = await lab.open();
  await setLite('0.400');
  expect(await until(() => costOf(books) === 600)).toBeLessThan(1_000);
});

test('with a listener whose connection was cut', async () => {
  const { books } = await lab.open({ isListening: true });
  await lab.db.raw(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'credit-gateway-listen'
     and datname = current_database()`);
  await setLite('0.500');
  expect(await until(() => costOf(books) === 650)).toBeLessThan(1_000);
});

test('a name from a process that is ahead: refused with nothing done, and known a moment later', async () => {
  const { books } = await lab.open();
  await setLite('0.600');
  const { name } = lab.books.tokens.priceOf(LITE);
  expect(() => books.tokens.named(name)).toThrow(expect.objectContaining({ code: 'ledger_unavailable', outcome: 'not_executed' }));
  await until(() => books.history.lastVersion() === lab.books.history.lastVersion());
  expect(books.tokens.named(name)).toEqual(lab.books.tokens.named(name));
  expect(() => books.tokens.named('tokens/999999999/x')).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }));
});

test('Postgres down: the books stay, writes are refused; Postgres back: they go on', async () => {
  const server = await throwawayPostgres();
  try {
    await migrate(server.ownerUrl);
    const { books, errors } = await lab.open({ databaseUrl: server.url, isListening: true });
    await server.stop();
    await until(() => errors.length > 0);
    expect(costOf(books)).toBe(525);
    await expect(books.write(() => [])).rejects.toMatchObject({ code: 'ledger_unavailable' });
    await expect(books.refresh()).rejects.toThrow();
    expect(errors).toHaveLength(1);
    await server.restart();
    await books.refresh();
    await books.close();
  } finally {
    await server.discard();
  }
});
