import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../src/config.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { readTraceparent, writeTraceparent } from '../../../src/kit/tracing/traceparent.js';
import { kindOf } from '../../../src/kit/tracing/tracer.js';
import { decodeEntry } from '../../../src/ledger/entry.js';
import { legacyTrace, withoutLegacyTrace } from '../../../src/ledger/legacy-facts.js';
import { nameOf } from '../../../src/stores/postgres/trace-statements.js';
import { encodeEntry } from '../../support/encode-entry.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('the drainer reads the trace beside the facts', () => {
  const fields = (trace: string): string[] => encodeEntry((field) => (
    { about: '{"source":"x"}', kind: 'charge', lots: '', trace, principal: '', terms: '' }[field as string] ?? '0'));
  expect(decodeEntry('1-0', fields(TRACEPARENT))).toMatchObject({ about: '{"source":"x"}', trace: TRACEPARENT });
  expect(decodeEntry('1-0', fields('')).trace).toBeUndefined();
});

describe('the trace in the text of an entry of the version before', () => {
  test.each([
    ['', `{"trace":"${TRACEPARENT}"}`], ['{"source":"x"}', `{"trace":"${TRACEPARENT}","source":"x"}`],
    ['{"usage":{"metadata":{"trace":"00-x"}}}', `{"trace":"${TRACEPARENT}","usage":{"metadata":{"trace":"00-x"}}}`],
    ['{"":1}', `{"trace":"${TRACEPARENT}","":1}`],
  ])('%j: taken out again', (about, marked) => {
    expect([legacyTrace(marked), withoutLegacyTrace(marked)]).toEqual([TRACEPARENT, about]);
  });

  test.each([
    '', '{}', '[]', 'text', '{ "a": 1 }', '{"trace":"hello"}', '{"trace":"00-', `{"trace":"${TRACEPARENT}x"}`,
    `{"a":1,"trace":"${TRACEPARENT}"}`, '{"trace":1}',
  ])('%j has none', (about) => {
    expect([legacyTrace(about), withoutLegacyTrace(about)]).toEqual([undefined, about]);
  });
});

test.each([
  [TRACEPARENT, true], [TRACEPARENT.replace(/01$/, '00'), false], [TRACEPARENT.replace(/01$/, '03'), true],
  [`cc${TRACEPARENT.slice(2)}-what-the-future-brings`, true],
])('%s is a traceparent', (text, isSampled) => {
  expect(readTraceparent(text)).toEqual({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isSampled });
});

test.each([
  '', 'x', TRACEPARENT.toUpperCase(), `${TRACEPARENT}-more`, `ff${TRACEPARENT.slice(2)}`,
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
])('%s is not a traceparent', (text) => { expect(readTraceparent(text)).toBeUndefined(); });

test('a parsed traceparent is written unchanged', () => {
  const facts = readTraceparent(TRACEPARENT);
  expect(facts === undefined ? '' : writeTraceparent(facts)).toBe(TRACEPARENT);
});

test.each([
  ['insert into entries (account_id) select 1 from unnest($1)', 'insert entries'],
  ['copy entries (account_id, seq) from stdin', 'copy entries'],
  ['with locked as (select * from shards for update) update shards set x = 1 from locked', 'update shards'],
  ['select * from "accounts" where account_id = $1', 'select accounts'],
  ['delete from holds where id = 1', 'delete holds'],
  ['BEGIN;', 'BEGIN'], ['COMMIT;', 'COMMIT'], ['ROLLBACK', 'ROLLBACK'], ['', 'statement'],
])('%s is called %s', (sql, name) => { expect(nameOf(sql)).toBe(name); });

test('a failure is named by its kind, never by its message', () => {
  expect(kindOf(new GatewayError('ledger_unavailable', 'account a1 …'))).toBe('ledger_unavailable');
  expect(kindOf(Object.assign(new Error('Key (account_id)=(a1)'), { code: '23505' }))).toBe('23505');
  expect(kindOf(new TypeError('a1'))).toBe('TypeError');
  expect(kindOf('a1')).toBe('string');
});

describe('configuration', () => {
  const tracing = (environment: Readonly<Record<string, string>>) => readConfig(environment).tracing;
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318';

  test('nothing without an endpoint', () => {
    expect(tracing({ OTEL_TRACES_SAMPLER_ARG: '1', OTEL_SERVICE_NAME: 'x' })).toBeUndefined();
  });

  test('defaults, and the path of the specification', () => {
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT })).toEqual({
      url: 'http://collector:4318/v1/traces', headers: {}, serviceName: 'credit-gateway', ratio: 0.01,
    });
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp/' })?.url).toBe('https://c/otlp/v1/traces');
  });

  test('headers are percent-encoded', () => {
    expect(tracing({
      OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20eA%3D%3D, x-a=b=c,',
    })?.headers).toEqual({ authorization: 'Basic eA==', 'x-a': 'b=c' });
  });

  test.each([['0', 0], ['1', 1], ['1.0', 1], ['0.25', 0.25]])('a ratio of %s', (text, ratio) => {
    expect(tracing({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER_ARG: text })?.ratio).toBe(ratio);
  });

  test.each([
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://c' },
    { OTEL_TRACES_SAMPLER_ARG: '2' }, { OTEL_TRACES_SAMPLER_ARG: '-1' }, { OTEL_TRACES_SAMPLER_ARG: '1e-2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'nonsense' }, { OTEL_EXPORTER_OTLP_HEADERS: 'a=%zz' }, { OTEL_EXPORTER_OTLP_HEADERS: 'a=%0d%0ab' },
  ])('%j is refused', (environment) => {
    const [name = ''] = Object.keys(environment);
    expect(() => readConfig(environment)).toThrow(name);
  });
});
