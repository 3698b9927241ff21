import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { planImport, type ImportItem, type ImportPlan } from '../../../src/credits/prices/plan-import.js';
import { readPriceMap } from '../../../src/credits/prices/price-map.js';
import type { ServiceTier } from '../../../src/credits/prices/price.js';
import { costOfCounts, priceTokens } from '../../../src/credits/prices/price-tokens.js';
import { rational } from '../../../src/credits/prices/rational.js';
import { costOfTokens } from '../../../src/credits/prices/token-book.js';
import type { TokenUsage } from '../../../src/credits/prices/token-usage.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { projectRoot } from '../../../src/kit/paths.js';
import { temporaryFolder, type Folder } from '../../support/servers.js';
import { priceLab, type PriceLab } from './lab.js';

/** The community price map, with a fixture of our own that has all the oddities we have met or can think of. */
const FIXTURE = join(projectRoot, 'test/fixtures/prices/odd-map.json');

let lab: PriceLab;
let folder: Folder;
beforeAll(async () => {
  lab = await priceLab();
  folder = await temporaryFolder();
});
afterAll(async () => {
  folder.remove();
  await lab.close();
});

const run = promisify(execFile);
async function importPrices(...args: string[]): Promise<{ readonly code: number; readonly lines: string[]; readonly errors: string }> {
  const env = {
    PATH: process.env['PATH'], DATABASE_URL: lab.databaseUrl, REDIS_URL: 'redis://127.0.0.1:1', JWT_ACCESS_SECRET: 'x'.repeat(32),
  };
  const outcome = await run(process.execPath, [join(projectRoot, 'dist/src/cli/main.js'), 'prices', 'import', ...args], { env })
    .then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), (error: unknown) =>
      error as { code: number; stdout: string; stderr: string });
  return { code: outcome.code, lines: outcome.stdout.split('\n').map((line) => line.trim()), errors: outcome.stderr };
}

const planned = (json: string, force = false): ImportPlan => planImport(lab.books.history, readPriceMap(json), {
  book: 'planned', creditsPerDollar: rational(100_000n), force, nowMs: lab.clock(), actor: 'tester', note: '',
});
const words = ({ model, status, reason }: ImportItem): string => [model, status, reason].filter((part) => part !== '').join(': ');

describe('the plan', () => {
  test('every entry has a fate, and every fate that is not an import a reason', () => {
    expect(planned(readFileSync(FIXTURE, 'utf8')).items.map(words)).toEqual([
      'sample_spec: skipped: the sample that explains the format',
      'lark-1: new', 'lark-1-long: new', 'wren-embed: new', 'wren-hit: new', 'as-text: new', 'no-provider: new',
      'free: needs_force: input and output for nothing',
      'words: skipped: input_cost_per_token is not a number: call us',
      'negative: skipped: input_cost_per_token is negative: -1e-06',
      'not-a-number: skipped: input_cost_per_token is not a number: NaN',
      'huge: skipped: prices.input must be a decimal number, not "1' + '0'.repeat(311) + '"',
      'very-dear: skipped: prices.input is above 1000000 credits for one: is the unit right?',
      'true: skipped: input_cost_per_token is not a number: boolean',
      'picture: new',
      'listed: skipped: not an object', 'nothing: skipped: not an object', 'text: skipped: not an object',
      'skipped: model must be text of 1 to 200 characters',
      '__proto__: new',
    ]);
  });

  test('what is odd but taken is noted', () => {
    const notes = new Map(planned(readFileSync(FIXTURE, 'utf8')).items.map((item) => [item.model, item.notes]));
    expect([...notes].filter(([, each]) => each.length > 0)).toEqual([
      ['lark-1', ['comment: costs 0.1 less on "Mondays", 5e-07']],
      ['wren-embed', ['no output tokens']],
      ['wren-hit', ['cache_creation_input_token_cost is 0: left out, so the usual price holds']],
      ['as-text', ['input_cost_per_token was text', 'output_cost_per_token was text']],
      ['no-provider', ['no litellm_provider']],
      ['__proto__', ['no litellm_provider']],
    ]);
  });

  test('price fields that are not used are counted', () => {
    expect(Object.fromEntries(planned(readFileSync(FIXTURE, 'utf8')).unused)).toEqual({
      output_cost_per_video_per_second: 1, provider_specific_entry: 1, search_context_cost_per_query: 1,
    });
  });

  test('money is read digit by digit, not as a double', () => {
    const [, , long] = planned(readFileSync(FIXTURE, 'utf8')).items;
    expect(long?.draft?.prices).toMatchObject({ input: '3333333.3333333335', output: '10000000.000000000001' });
  });

  test('two entries of one name in a book are one too many', () => {
    const book = { book: 'models', creditsPerDollar: rational(1n), force: false, nowMs: lab.clock(), actor: 'tester', note: '' };
    const twice = '{"M-1": {"input_cost_per_token": 1e-6}, "m-1": {"input_cost_per_token": 1e-6}}';
    expect(planImport(lab.books.history, readPriceMap(twice), book).items.map(words)).toEqual([
      'M-1: new', 'm-1: skipped: another entry has the same name in this book',
    ]);
  });

  test.each(['', '[]', 'null', '{', '{"a": }', '7'])('%p is no price map', (json) => {
    expect(() => readPriceMap(json)).toThrow('the file');
  });
});

describe('the command', () => {
  test('shows the difference and writes nothing, until it is told to', async () => {
    const shown = await importPrices(FIXTURE, '--book', 'native');
    expect(shown).toMatchObject({ code: 0, errors: '' });
    expect(shown.lines).toContain('aviary lark-1: input 25000, output 125000, cachedRead 3000, cachedWrite 31250, reasoning '
      + '150000 (comment: costs 0.1 less on "Mondays", 5e-07)');
    expect(shown.lines).toContain('20 entries: 8 new, 0 changed, 1 left out without --force, 11 skipped, 0 unchanged');
    expect(shown.lines).toContain('nothing was written: say --apply to write it');
    await lab.books.refresh();
    expect(lab.books.native().list()).toEqual([]);
  });

  test('an imported price charges right to the micro; the same again changes nothing', async () => {
    expect((await importPrices(FIXTURE, '--apply', '--book', 'native')).lines)
      .toContain('written: 8 prices; every gateway has them within a second');
    await lab.books.refresh();
    const lark = lab.books.native().priceOf('lark-1');
    // 1234 × 0.025 + 567 × 0.125 + 89 × 0.003 + 10 × 0.03125 + 11 × 0.15 credits
    const usage = { input: 1_234, output: 567, cachedRead: 89, cachedWrite: 10, reasoning: 11 };
    expect(costOfCounts(lark, usage)).toBe(30_850_000 + 70_875_000 + 267_000 + 312_500 + 1_650_000);
    // One token of 3.3333333333333335 credits: the rest of a micro is rounded up.
    expect(costOfCounts(lab.books.native().priceOf('lark-1-long'), { input: 1 })).toBe(3_333_334);
    expect((await importPrices(FIXTURE, '--apply', '--book', 'native')).lines)
      .toContain('20 entries: 0 new, 0 changed, 1 left out without --force, 11 skipped, 8 unchanged');
  });

  test('changes are shown with their factor; more than ×10 and zero wait for --force', async () => {
    const file = join(folder.path, 'changed.json');
    const [lark, hit] = [
      '"lark-1": {"input_cost_per_token": 3e-07, "output_cost_per_token": 1.25e-06, "litellm_provider": "aviary"}',
      '"wren-hit": {"input_cost_per_token": 1.1e-05, "output_cost_per_token": 2e-06, "litellm_provider": "aviary"}',
    ];
    writeFileSync(file, `{${lark}, ${hit}, "free": {"input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": "aviary"}}`);
    const { lines } = await importPrices(file, '--apply', '--book', 'native');
    expect(lines).toEqual(expect.arrayContaining([
      'aviary lark-1: input 25000 -> 30000 ×1.2, cachedRead 3000 -> 30000 ×10, cachedWrite 31250 -> 30000 ×0.96, reasoning '
        + '150000 -> 125000 ×0.833',
      'aviary wren-hit: changes by more than ×10: input 100000 -> 1100000 ×11, cachedRead 10000 -> 1100000 ×110',
      'aviary free: input and output for nothing: input 0, output 0',
      'written: 1 prices; every gateway has them within a second',
    ]));
    expect((await importPrices(file, '--apply', '--force', '--book', 'native')).lines)
      .toContain('written: 2 prices; every gateway has them within a second');
  });

  test('without a book it writes to every book that routes price tokens from', async () => {
    const file = join(folder.path, 'gpt.json');
    writeFileSync(file, `{
      "gpt-4o": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "litellm_provider": "openai", "mode": "chat",
        "max_tokens": 16384, "input_cost_per_token_priority": 4.25e-06},
      "gemini-2.5-pro": {"input_cost_per_token": 1.25e-06, "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "output_cost_per_token": 1e-05, "output_cost_per_token_above_200k_tokens": 1.5e-05, "litellm_provider": "vertex_ai"},
      "ranges": {"tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
        {"range": [1000, 1e6], "input_cost_per_token": "3e-06", "output_cost_per_token": 6e-06}]},
      "only-long": {"input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_token_above_200k_tokens": 4e-06},
      "gpt-image-1": {"input_cost_per_token": 5e-06, "output_cost_per_image_token": 4e-05, "mode": "image_generation"},
      "house-model": {"alias_of": "gpt-4o"}, "lost": {"alias_of": "nothing"}
    }`);
    const { lines, errors } = await importPrices(file, '--apply');
    expect(errors).toBe('');
    expect(lines).toContain('written: 18 prices (tokens 6, models 6, native 6); every gateway has them within a second');
    expect(lines.filter((line) => line.startsWith('book "'))).toEqual([
      'book "tokens", read by the accounting service; 100000 credits per dollar; prices in credits per million tokens',
      'book "models", read by the credits process; dollars divided by its price of a credit; prices in credits per million tokens',
      'book "native", read by /v1; 100000 credits per dollar; prices in credits per million tokens',
    ]);
    expect(lines).toContain('lost: the book "native" has no price of its own for "nothing"');
    await lab.books.refresh();
    const { tokens, models } = lab.books;
    const native = lab.books.native();
    const cost = (model: string, usage: TokenUsage, tier?: ServiceTier): number =>
      toCredits(priceTokens(native.priceOf(model), usage, tier).amount);
    expect(toCredits(costOfTokens(tokens.priceOf('gpt-4o'), 1_500))).toBe(938);
    expect([models.item({ aiModel: 'openai/gpt-4o', inputTokens: 1_000, outputTokens: 1_000 }).details.credits,
      cost('openai/gpt-4o', { inputTokens: 1_000, outputTokens: 1_000 })]).toEqual([1_250, 1_250]);
    expect([cost('gemini-2.5-pro', { inputTokens: 300_000 }), cost('gemini-2.5-pro', { inputTokens: 200_000 })]).toEqual([75_000, 25_000]);
    expect([cost('ranges', { inputTokens: 1_000 }), cost('ranges', { inputTokens: 1_001 })]).toEqual([100, 300.3]);
    expect(cost('only-long', { inputTokens: 200_001 })).toBe(40_000.2);
    expect(() => cost('only-long', { inputTokens: 200_000 })).toThrow('only-long has no price for inputTokens');
    expect(cost('gpt-4o', { inputTokens: 1_000 }, 'priority')).toBe(425);
    expect(models.item({ aiModel: 'gpt-image-1', inputTokens: 0, outputTokens: 4_160 }).details.credits).toBe(16_640);
    expect(cost('gpt-image-1', { outputTokens: 4_160, imageOutputTokens: 4_160 })).toBe(16_640);
    expect(native.priceOf('house-model').by).toMatchObject({ model: 'gpt-4o', rule: 'alias', isDefault: false });
    expect(native.priceOf('gpt-4o').maxOutputTokens).toBe(16_384);
    expect((await importPrices(file, '--apply')).lines).toContain(
      'written: 0 prices (tokens 0, models 0, native 0); every gateway has them within a second',
    );
  });

  test('another book at another rate', async () => {
    expect((await importPrices(FIXTURE, '--apply', '--book', 'cheap', '--credits-per-dollar', '0.5')).code).toBe(0);
    await lab.books.refresh();
    expect(costOfCounts(lab.books.native('cheap').priceOf('lark-1'), { input: 1_000_000 })).toBe(125_000);
  });

  test('the AI-model book keeps dollars and its own price of a credit', async () => {
    expect((await importPrices(FIXTURE, '--apply', '--book', 'models')).code).toBe(0);
    await lab.books.refresh();
    expect(lab.books.models.item({ aiModel: 'Lark-1', inputTokens: 1_000, outputTokens: 1_000 }).details).toMatchObject({
      input_token_price: 2.5e-7, cost_credits: 150, credits: 150, credit_price: 0.00001,
    });
  });

  test.each<[string, ...string[]]>([
    ["missing required argument 'file'"], ['too many arguments', FIXTURE, FIXTURE], ['--book "A B"', FIXTURE, '--book', 'A B'],
    ['prices per message', FIXTURE, '--book', 'messages'],
    ['--credits-per-dollar must be a number above 0', FIXTURE, '--credits-per-dollar', '0'],
    ['leave out --credits-per-dollar', FIXTURE, '--book', 'models', '--credits-per-dollar', '5'],
    ['--aply', FIXTURE, '--aply'],
  ])('%s', async (message, ...args) => {
    const { code, errors } = await importPrices(...args);
    expect(code).toBe(2);
    expect(errors).toContain(message);
    expect(errors).toContain('--help shows how it is called');
  });

  test.each([['no such file', '/nowhere.json'], ['not JSON', join(projectRoot, 'README.md')]])('%s', async (message, file) => {
    expect(await importPrices(file)).toMatchObject({ code: 1, errors: expect.stringContaining(message) });
  });
});
