import { describe, expect, test } from '@jest/globals';
import { micros } from '../../src/kit/money/micros.js';
import { parseFacts, readFacts, untyped, writeFacts, type WrittenFacts } from '../../src/ledger/facts.js';
import { listFacts } from '../../src/ledger/list-facts.js';

const usage = { service: 's', operation: 'o', metadata: { a: 1 } };
const by = { source: 'console', actor: 'root', reason: 'because' };

/** Every type, as it is written now, and what the version before wrote in its place. */
const WRITTEN: readonly (readonly [WrittenFacts, previous: string, told: object])[] = [
  [
    { type: 'stream', modelId: 'm', estimatedTokens: 5, estimate: micros(3) }, '{"modelId":"m","estimatedTokens":5,"estimate":3}',
    { modelId: 'm', estimate: 3 },
  ],
  [{ type: 'stream_end', end: 'failed', tokens: 5, usage }, JSON.stringify({ end: 'failed', tokens: 5, usage }), { end: 'failed' }],
  [
    { type: 'process', process: 'start', usageKey: 'k', featureEndpointId: 'f1', feature: 'ai_chat' },
    '{"process":"start","usageKey":"k","featureEndpointId":"f1","feature":"ai_chat"}', { feature: 'ai_chat' },
  ],
  [
    { type: 'process_end', process: 'end', usage, prices: { m: 'model/1/m' } },
    JSON.stringify({ process: 'end', usage, prices: { m: 'model/1/m' } }), { prices: { m: 'model/1/m' } },
  ],
  [{ type: 'operator_end', ...by, end: 'aborted' }, JSON.stringify({ ...by, end: 'aborted' }), { end: 'aborted', ...by }],
  [{ type: 'use', usage }, JSON.stringify({ usage }), { usage: { ...usage, metadata: '{"a":1}', credits: null } }],
  [{ type: 'deduction', source: 'deduction' }, '{"source":"deduction"}', { source: 'deduction' }],
  [{ type: 'change', ...by, notes: 'n' }, JSON.stringify({ ...by, notes: 'n' }), { ...by, notes: 'n' }],
];

test.each(WRITTEN)('$type: what is written is read, and so is what the version before wrote', (facts, previous, told) => {
  const text = writeFacts(facts);
  expect(readFacts(text)).toMatchObject({ type: facts.type, ...told });
  expect(readFacts(previous)).toEqual(readFacts(text));
  expect(readFacts(`{"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",${previous.slice(1)}`)).toEqual(readFacts(text));
  // Requests keep their fingerprints, and lists of holds of the version before their holds.
  expect(untyped(text)).toBe(previous);
  expect(text.startsWith(previous.slice(0, -1))).toBe(true);
});

test('only the type that was written is left out of a fingerprint', () => {
  const text = '{"usage":{"metadata":{"type":"x"}}}';
  expect(untyped(text)).toBe(text);
  const quoting = writeFacts({ type: 'use', usage: { ...usage, metadata: { note: ',"type":"x"}' } } });
  expect(untyped(quoting)).toContain(String.raw`,\"type\":\"x\"}`);
});

describe('a text of another version', () => {
  test('of a type that is not known here tells what any entry may tell', () => {
    const text = JSON.stringify({ type: 'refund_by_robot', source: 'robot', usage, deduction: { seq: 4, credits: 5 }, end: 7 });
    expect(parseFacts(text)).toMatchObject({
      type: 'unknown', source: 'robot', usage: { service: 's', operation: 'o' }, deduction: { seq: 4, credits: 5 },
    });
  });

  test.each([
    ['type', { type: 'stream', modelId: 7, estimate: -1 }, { type: 'stream', modelId: '', estimate: null }],
    ['end', { type: 'stream_end', end: 'paused' }, { type: 'stream_end', end: null }],
    ['type that is no text', { type: 5, source: 'x' }, { type: 'change', source: 'x' }],
    ['transaction', { transaction: { type: 'GIFT', reason: 7 } }, { transaction: { type: 'GIFT', reason: null } }],
  ])('with other words of %s is read all the same', (_, value, told) => {
    expect(parseFacts(JSON.stringify(value))).toMatchObject(told);
  });
});

test.each(['not json', '[]', '"text"', 'null', '{"usage":{"service":1}}', '{"deduction":{}}', '{"transaction":[]}'])(
  '%s is broken: the drainer is told, and everyone else reads nothing', (text) => {
    expect(() => parseFacts(text)).toThrow();
    expect(readFacts(text)).toEqual(readFacts(''));
  });

test('all that a text tells is listed but its type and a trace', () => {
  expect(listFacts('{"trace":"t","source":"x","new":{"a":1},"type":"change"}')).toEqual([['source', 'x'], ['new', { a: 1 }]]);
  expect([listFacts(''), listFacts('[]')]).toEqual([null, null]);
});
