import { describe, expect, test } from '@jest/globals';
import { readFacts } from '../../src/ledger/facts.js';
import { countEntries } from '../../src/journal/count-entries.js';
import type { CorrectedEnd } from '../../src/journal/model-uses.js';
import type { WrittenEntry } from '../../src/journal/write-batch.js';
import { boundedLabels, type LabelOf } from '../../src/kit/metrics/bounded-labels.js';
import { createMetrics } from '../../src/kit/metrics/metrics.js';
import { micros, MICROS_PER_CREDIT, ZERO } from '../../src/kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../../src/ledger/entry.js';
import { AMOUNTS, figuresOf, type AmountName } from '../../src/ledger/figures.js';

const KNOWN = new Set(['gpt-4', 'gpt-4o', 'claude']);
const labels = (): LabelOf => boundedLabels({ max: 50, entryName: (model) => (KNOWN.has(model) ? model : null) });

type Amounts = Partial<Record<AmountName | 'overage', number>>;
type Text = {
  readonly price?: string;
  readonly about?: object;
  readonly placedMsBefore?: number;
  readonly corrected?: CorrectedEnd | null;
};

/** Amounts in credits. */
function written(
  kind: EntryKind, amounts: Amounts = {}, { price = '', about = {}, placedMsBefore, corrected = null }: Text = {},
): WrittenEntry {
  const credits = (name: keyof Amounts) => micros((amounts[name] ?? 0) * MICROS_PER_CREDIT);
  const entry: JournalEntry = {
    streamId: '1-1', accountId: 'alice', seq: 1, atMs: 1_000_000, kind, ...figuresOf(AMOUNTS, credits), overage: credits('overage'),
    availableAfter: ZERO, heldAfter: ZERO, debtAfter: ZERO, lots: [], holdId: '', holdKind: '', terms: null,
    reported: ZERO, reportedUsage: '', spent: '', spentOn: '', spending: '', leaseEndsAtMs: 0, policy: '', key: '',
    fingerprint: '', price, about: JSON.stringify(about),
    principal: '', corrects: 0,
  };
  return { entry, facts: readFacts(entry.about), placedAtMs: placedMsBefore === undefined ? null : entry.atMs - placedMsBefore, corrected };
}

/** The series with a value other than zero after these entries, without `cg_` and without histogram buckets. */
async function counted(entries: readonly WrittenEntry[], labelOf = labels()): Promise<Record<string, number>> {
  const metrics = createMetrics({ version: 'test', defaults: false });
  countEntries(metrics, labelOf, entries);
  const lines = (await metrics.text()).split('\n').filter((line) =>
    /^cg_(holds?_(placed|ended|life)|credits_total|model_)/.test(line) && !line.includes('_bucket'));
  return Object.fromEntries(lines.map((line) => [
    line.slice(3, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)),
  ] as const).filter(([, value]) => value !== 0));
}

describe('credits by flow', () => {
  test.each<[string, WrittenEntry, Record<string, number>]>([
    ['a grant', written('grant', { granted: 100 }), { granted: 100 }],
    ['a grant that pays a debt', written('grant', { granted: 100, debt: -30 }), { granted: 100, debt_paid: 30 }],
    ['a removal', written('remove', { removed: 7.5 }), { removed: 7.5 }],
    ['lots that expire', written('expire_lots', { expired: 2 }), { expired: 2 }],
    ['a hold that is placed', written('place', { held: 12 }), { held: 12 }],
    ['a hold that is settled for less', written('settle', { held: -12, captured: 5 }), { captured: 5, released: 7 }],
    ['a hold of which a part has expired in the meantime', written('settle', {
      held: -12, captured: 5, expired: 3,
    }), { captured: 5, released: 4, expired: 3 }],
    ['a hold that cost more, into debt', written('settle', {
      held: -12, captured: 20, overage: 8, debt: 6, uncollected: 1,
    }), { captured: 20, overage: 8, debt: 6, uncollected: 1 }],
    ['a hold that is voided', written('void', { held: -12 }), { released: 12 }],
    ['a hold that expires', written('expire_hold', { held: -12 }), { released: 12 }],
    ['a late settlement', written('late_settle', { captured: 4, overage: 4 }), { captured: 4, overage: 4 }],
    ['a correction', written('correct', { captured: 4, overage: 4 }), { captured: 4, overage: 4 }],
    ['a charge', written('charge', { captured: 0.000001 }), { captured: 0.000001 }],
    ['usage that was refused', written('refuse_usage', { uncollected: 4 }), { refused: 4 }],
    ['usage that was refused and is charged after all', written('charge', { captured: 4, uncollected: -4 }), { captured: 4 }],
  ])('%s', async (_, entry, flows) => {
    const all = await counted([entry]);
    expect(Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('credits_'))))
      .toEqual(Object.fromEntries(Object.entries(flows).map(([flow, value]) => [`credits_total{flow="${flow}"}`, value])));
  });
});

test('holds count when they are placed and when they end, with the time between', async () => {
  expect(await counted([
    written('place', { held: 1 }), written('place', { held: 1 }), written('place', { held: 1 }),
    written('settle', { held: -1, captured: 1 }, { placedMsBefore: 2_500 }), written('void', { held: -1 }, { placedMsBefore: 500 }),
    written('expire_hold', { held: -1 }, { placedMsBefore: 600_000 }),
    written('late_settle', { captured: 1, overage: 1 }, { placedMsBefore: 700_000 }),
    written('correct', { captured: 1, overage: 1 }, { placedMsBefore: 800_000 }),
  ])).toMatchObject({
    'holds_placed_total': 3,
    'holds_ended_total{ending="settled"}': 1, 'holds_ended_total{ending="voided"}': 1, 'holds_ended_total{ending="expired"}': 1,
    'holds_ended_total{ending="late_settled"}': 1,
    'holds_ended_total{ending="corrected"}': 1,
    'hold_life_seconds_sum{ending="settled"}': 2.5, 'hold_life_seconds_sum{ending="voided"}': 0.5,
    'hold_life_seconds_sum{ending="expired"}': 600,
    'hold_life_seconds_count{ending="expired"}': 1,
  });
});

test('a clock that was set back gives no negative lifetime', async () => {
  expect(await counted([written('settle', { held: -1, captured: 1 }, { placedMsBefore: -5_000 })])).toMatchObject({
    'hold_life_seconds_count{ending="settled"}': 1,
  });
});

const models = (all: Record<string, number>) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith('model_')).map(([name, value]) => [
    name.replace(/^model_(\w+?)(_credits)?_total\{model="(.*)"\}$/, '$1 $3'), value,
  ]));

describe('models', () => {
  const stream = (end: object) => ({ usage: { service: 'chat-streaming', operation: 'gpt-4', metadata: { sessionId: 's', ...end } } });
  const process = (metadata: object) => ({ process: 'end', usage: { service: 'credits-process', operation: 'ai_chat', metadata } });

  test.each<[string, WrittenEntry, Record<string, number>]>([
    ['a stream: the name of its price', written('settle', { held: -10, captured: 4 }, {
      price: 'tokens/10/gpt-4', about: stream({ tokens: 1_500 }),
    }),
      { 'held gpt-4': 10, 'captured gpt-4': 4, 'tokens gpt-4': 1_500, 'messages gpt-4': 1 }],
    ['a stream that was cut off', written('settle', { held: -10, captured: 1 }, {
      price: 'tokens/10/gpt-4', about: stream({ partialTokens: 200 }),
    }),
      { 'held gpt-4': 10, 'captured gpt-4': 1, 'tokens gpt-4': 200, 'messages gpt-4': 1 }],
    ['an expired stream is no message', written('expire_hold', { held: -10 }, {
      price: 'tokens/10/gpt-4',
    }), { 'held gpt-4': 10 }],
    ['an expired stream is a message when settled late, but not held again', written('late_settle', { captured: 4, overage: 4 }, {
      price: 'tokens/10/gpt-4', about: stream({ tokens: 9 }),
    }),
      { 'captured gpt-4': 4, 'tokens gpt-4': 9, 'messages gpt-4': 1 }],
    ['a correction counts only what it adds, and no other message', written('correct', { captured: 3, overage: 3 }, {
      price: 'tokens/10/gpt-4', about: stream({ tokens: 1_500 }),
      corrected: { state: 'settled', facts: readFacts(JSON.stringify(stream({ tokens: 600 }))) },
    }), { 'captured gpt-4': 3, 'tokens gpt-4': 900 }],
    ['of a hold that was voided it is the message', written('correct', { captured: 3, overage: 3 }, {
      price: 'tokens/10/gpt-4', about: stream({ tokens: 1_500 }), corrected: { state: 'voided', facts: readFacts('') },
    }), { 'captured gpt-4': 3, 'tokens gpt-4': 1_500, 'messages gpt-4': 1 }],
    ['a correction of several models counts what it adds to each', written('correct', { captured: 4, overage: 4 }, {
      about: process({ models: [
        { model: 'gpt-4', inputTokens: 100, outputTokens: 50, credits: 6 },
        { model: 'claude', inputTokens: 9, outputTokens: 0, credits: 2 },
      ] }),
      corrected: {
        state: 'settled',
        facts: readFacts(JSON.stringify(process({ models: [{ model: 'gpt-4', inputTokens: 50, outputTokens: 50, credits: 4 }] }))),
      },
    }), { 'captured gpt-4': 2, 'captured claude': 2, 'tokens gpt-4': 50, 'tokens claude': 9 }],
    ['a model without a price, at the default', written('settle', { held: -10, captured: 4 }, {
      price: 'tokens/2/my-junk-17', about: stream({ tokens: 5 }),
    }),
      { 'held unknown': 10, 'captured unknown': 4, 'tokens unknown': 5, 'messages unknown': 1 }],
    ['several models: by what each cost', written('settle', { held: -10, captured: 8 }, { about: process({ models: [
      { model: 'gpt-4', inputTokens: 100, outputTokens: 50, credits: 6 }, { model: 'claude', inputTokens: 10, outputTokens: 0, credits: 2 },
    ] }) }), {
      'held gpt-4': 7.5, 'held claude': 2.5, 'captured gpt-4': 6, 'captured claude': 2, 'tokens gpt-4': 150, 'tokens claude': 10,
      'messages gpt-4': 1, 'messages claude': 1,
    }],
    ['several that cost nothing', written('settle', { held: -10 }, { about: process({ models: [{ model: 'gpt-4' }, { model: '' }] }) }),
      { 'held gpt-4': 5, 'held unknown': 5, 'messages gpt-4': 1, 'messages unknown': 1 }],
    ['too many to list', written('settle', { held: -10, captured: 8 }, {
      about: process({ models: 200 }),
    }), { 'held unknown': 10, 'captured unknown': 8, 'messages unknown': 1 }],
    ['an empty list', written('settle', { held: -10, captured: 8 }, { about: process({ models: [] }) }), {}],
    ['a charge that names one', written('charge', { captured: 3 }, {
      about: { usage: { service: 'ai_chat', operation: 'x', metadata: { modelName: 'claude', tokenCount: 70 } } },
    }),
      { 'captured claude': 3, 'tokens claude': 70, 'messages claude': 1 }],
    ['a charge of chat: its operation', written('charge', { captured: 3 }, {
      about: { usage: { service: 'chat', operation: 'gpt-4o', metadata: { inputTokens: 5, outputTokens: 6 } } },
    }),
      { 'captured gpt-4o': 3, 'tokens gpt-4o': 11, 'messages gpt-4o': 1 }],
    ['usage that a deduction has paid for: what the deduction took', written('attribute', {}, {
      about: { usage: { service: 'chat', operation: 'gpt-4', metadata: { tokens: 7 } }, deduction: { seq: 2, credits: 3_000_000 } },
    }),
      { 'captured gpt-4': 3, 'tokens gpt-4': 7, 'messages gpt-4': 1 }],
    ['usage that was refused', written('refuse_usage', { uncollected: 4 }, {
      about: { usage: { service: 'chat', operation: 'gpt-4', metadata: { tokens: 7 } } },
    }), {}],
    ['a charge without a model', written('charge', { captured: 3 }, {
      about: { usage: { service: 'image', operation: 'generate', metadata: { size: 'xl' } } },
    }), {}],
    ['a charge without facts', written('charge', { captured: 3 }), {}],
    ['a grant whose text has one', written('grant', { granted: 3 }, {
      about: { usage: { service: 'chat', operation: 'gpt-4', metadata: {} } },
    }), {}],
  ])('%s', async (_, entry, expected) => {
    expect(models(await counted([entry]))).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ['below nothing', -5], ['endless', 1e300], ['a text', '7'], ['a list', [7]], ['nothing', null],
  ])('tokens that are %s count for nothing', async (_, tokens) => {
    const entry = written('charge', { captured: 3 }, {
      about: { usage: { service: 'chat', operation: 'gpt-4', metadata: { tokens, models: { not: 'a list' } } } },
    });
    expect(models(await counted([entry]))).toEqual({ 'captured gpt-4': 3, 'messages gpt-4': 1 });
  });

  test('a price with an unknown name counts as unknown and stops no drain', async () => {
    expect(models(await counted([written('settle', { held: -1, captured: 1 }, { price: 'p1' })]))).toEqual({
      'held unknown': 1, 'captured unknown': 1, 'messages unknown': 1,
    });
  });
});

describe('labels', () => {
  test('the first known names keep theirs, later ones are other, junk is unknown and uses up no label', () => {
    const labelOf = boundedLabels({ max: 3, entryName: (name) => (name.startsWith('real') ? name : null) });
    for (let i = 0; i < 10_000; i += 1) expect(labelOf(`junk-${i}`)).toBe('unknown');
    expect(['real-1', 'real-2', 'real-3', 'real-4', 'real-1', 'real-3', '', 'junk'].map(labelOf))
      .toEqual(['real-1', 'real-2', 'real-3', 'other', 'real-1', 'real-3', 'unknown', 'unknown']);
  });

  test('all names of one entry have its label', () => {
    const labelOf = boundedLabels({ max: 1, entryName: (name) => (name.endsWith('gpt-4') ? 'gpt-4' : null) });
    expect(['openai/gpt-4', 'gpt-4', 'azure/gpt-4', 'gpt-5'].map(labelOf)).toEqual(['gpt-4', 'gpt-4', 'gpt-4', 'unknown']);
  });

  test('a name that becomes known later gets its label then', () => {
    const known = new Set<string>();
    const labelOf = boundedLabels({ max: 3, entryName: (name) => (known.has(name) ? name : null) });
    expect(labelOf('new')).toBe('unknown');
    known.add('new');
    expect(labelOf('new')).toBe('new');
  });

  test('names are cut, and invisible characters are removed', () => {
    const labelOf = boundedLabels({ max: 9, entryName: (name) => name });
    expect(labelOf('a\nb\u0000c\u202Ed')).toBe('a_b_c_d');
    expect(labelOf('x'.repeat(500))).toBe('x'.repeat(64));
    expect(labelOf(`${'x'.repeat(63)}😀😀`)).toBe(`${'x'.repeat(63)}😀`);
  });
});
