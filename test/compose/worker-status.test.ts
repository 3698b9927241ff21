import { expect, test } from '@jest/globals';
import { workerStatus } from '../../src/compose/worker-status.js';

const news = (postgres: boolean) => ({
  type: 'cg:worker',
  checks: { redis: { ok: true, detail: 'up' }, postgres: { ok: postgres, detail: postgres ? 'up' : 'does not answer' } },
});

test('one line for the worker beside an API: running, its problem, or no status', () => {
  let nowMs = 0;
  const status = workerStatus(() => nowMs);
  status.heard('cg:ready');
  expect(status.check()).toBeUndefined();
  status.heard(news(true));
  expect(status.check()).toEqual({ ok: true, detail: 'running' });
  status.heard(news(false));
  expect(status.check()).toEqual({ ok: false, detail: 'postgres does not answer' });
  nowMs += 5_001;
  expect(status.check()).toEqual({ ok: false, detail: 'does not answer' });
});
