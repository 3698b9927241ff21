import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import Koa from 'koa';
import { accountingEnvelope } from '../../../src/edge/accounting-service/envelope.js';
import type { PathParams, RequestState } from '../../../src/edge/http/context.js';
import { errorBoundary } from '../../../src/edge/http/error-boundary.js';
import { traceRequests } from '../../../src/edge/http/trace-requests.js';
import { traceBatches } from '../../../src/journal/trace-drain.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { createLog } from '../../../src/kit/log.js';
import { inSpan } from '../../../src/kit/tracing/tracer.js';
import type { AccountScripts } from '../../../src/ledger/account-scripts.js';
import { readAccountScript, settleHoldScript } from '../../../src/ledger/scripts.js';
import { traceScripts } from '../../../src/ledger/trace-scripts.js';
import { recorder } from './recorder.js';

const failing = (error: Error): AccountScripts => ({
  run: () => Promise.reject(error), restoreHold: () => Promise.resolve(false), recallHold: () => Promise.resolve(),
  recallHolds: () => Promise.resolve(), restoreReceipt: () => Promise.resolve(),
  runEach: (_, calls, { failed }) => {
    calls.forEach((__, index) => { failed(index, error); });
    return Promise.resolve();
  },
});

test('the span of a script with an unknown outcome says so', async () => {
  const tracer = recorder();
  const lost = new GatewayError('ledger_unavailable', 'account a1 did not answer', { outcome: 'unknown' });
  const scripts = traceScripts(failing(lost), tracer);
  const args = { detail: 'full', holds_max: 1, hold_prefix: 'h:' };
  await expect(scripts.run(readAccountScript, 'a1', () => ({}) as never, args)).rejects.toBe(lost);
  expect(tracer.spans).toMatchObject([
    { name: 'script read-account', failed: 'ledger_unavailable', isOver: true, attributes: { 'credits.script.outcome': 'unknown' } },
  ]);
});

test('a script is given the trace beside its other arguments', async () => {
  const given: unknown[] = [];
  const echo: AccountScripts = {
    run: (_script, _account, _keys, args) => {
      given.push(args);
      return Promise.resolve(['ended', '0', (args as { readonly about: string }).about]);
    },
    restoreHold: () => Promise.resolve(false),
    recallHold: () => Promise.resolve(),
    recallHolds: () => Promise.resolve(),
    runEach: () => Promise.resolve(),
    restoreReceipt: () => Promise.resolve(),
  };
  const args = {
    hold_id: 'h', ending: 'settle', cost: '1', price: '', over_capture: 'cap', debt_limit: '', use: '', fingerprint: 'f',
    about: '{"end":"completed"}', principal: 'user', corrects: 'any', correction_window_ms: 1, receipt_ttl_seconds: 1, key: '', recalled: 0,
    models: '',
  };
  const reply: unknown = await traceScripts(echo, recorder()).run(settleHoldScript, 'a1', () => ({}) as never, args);
  expect(given).toEqual([{ ...args, trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }]);
  expect(reply).toEqual(['ended', '0', args.about]);
});

test('a request that fails by a bug is an error of its route, and the log contains the trace id', async () => {
  const tracer = recorder();
  const lines: string[] = [];
  const log = createLog({ level: 'error' }, { write: (line) => { lines.push(line); } });
  const app = new Koa<RequestState, PathParams>();
  app.use(traceRequests(tracer)).use(errorBoundary({ log, envelope: () => accountingEnvelope })).use(() => {
    throw new TypeError('account a1');
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { status } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/accounts/a1`);
  server.close();
  expect(status).toBe(500);
  expect(tracer.spans).toMatchObject([{ name: 'GET', failed: '500', isOver: true }]);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'request failed', trace_id: '0af7651916cd43dd8448eb211c80319c' });
});

test('a failed batch and a failed job have failed spans and still fail', async () => {
  const tracer = recorder();
  const lost = Object.assign(new Error('account a1'), { code: '57P01' });
  const drain = traceBatches(tracer, Date.now)((onRead) => { onRead([]); return Promise.reject(lost); });
  await expect(drain).rejects.toBe(lost);
  await expect(inSpan(tracer, 'job drain', { kind: 'consumer', isRoot: true }, () => Promise.reject(lost))).rejects.toBe(lost);
  expect(tracer.spans).toMatchObject([
    { name: 'drain', failed: '57P01', isOver: true }, { name: 'job drain', failed: '57P01', isOver: true },
  ]);
});
