import { test } from '@jest/globals';
import { redisUrl } from './servers.js';

/** For tests of one server's own behaviour: skipped by name, with the reason, when the run's Redis is a Cluster. */
export const onOneServer = (reason: string): typeof test => {
  if (!redisUrl().startsWith('cluster:')) return test;
  const skipped = (title: string, work: Parameters<typeof test>[1]): void => {
    test.skip(`${title} (not on a Cluster: ${reason})`, work);
  };
  return skipped as typeof test;
};
