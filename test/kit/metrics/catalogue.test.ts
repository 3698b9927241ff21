import { expect, test } from '@jest/globals';
import { CONSUMED_QUEUES } from '../../../src/edge/queues/queues.js';
import { DRIFT_CHECKS } from '../../../src/journal/reconcile/comparison.js';
import { httpStatus } from '../../../src/kit/errors.js';
import { METRICS } from '../../../src/kit/metrics/catalogue.js';
import { TROUBLE_WORDS } from '../../../src/stores/postgres/trouble.js';
import { UNFIT } from '../../../src/stores/redis/fitness.js';
import { REFUSAL_WORDS } from '../../../src/stores/redis/redis-away.js';
import { QUEUE_NAME, WEBHOOK_QUEUE_NAME } from '../../../src/stores/redis/queue-connections.js';
import { JOB_NAMES } from '../../../src/worker/jobs/job-names.js';

/** The catalogue imports no type of the domain, so its label values are compared with the domain's own lists. */
const sorted = (values: readonly string[]): string[] => [...values].sort();

test('the label values of the catalogue are exactly those of the domain', () => {
  expect(sorted(METRICS.refusals.labels.reason)).toEqual(sorted([
    ...Object.keys(httpStatus), 'internal', 'check_negative', 'not_permitted',
  ]));
  for (const key of ['driftMicros', 'driftAccounts'] as const) expect(sorted(METRICS[key].labels.check)).toEqual(sorted(DRIFT_CHECKS));
  expect(sorted(METRICS.jobSeconds.labels.job_name)).toEqual(sorted(JOB_NAMES));
  expect(sorted(METRICS.settlementSeconds.labels.queue)).toEqual(sorted(CONSUMED_QUEUES));
  expect(sorted(METRICS.postgresRefusals.labels.reason)).toEqual(sorted(Object.keys(TROUBLE_WORDS)));
  expect(sorted(METRICS.redisRefuses.labels.reason)).toEqual(sorted(Object.keys(REFUSAL_WORDS)));
  expect(sorted(METRICS.redisUnfit.labels.setting)).toEqual(sorted(UNFIT));
  for (const key of ['queueJobs', 'queueOldestSeconds'] as const) {
    expect(sorted(METRICS[key].labels.queue)).toEqual(sorted([QUEUE_NAME, WEBHOOK_QUEUE_NAME, ...CONSUMED_QUEUES]));
  }
});
