import { test } from '@jest/globals';
import { redisUrl, throwawayRedis } from './servers.js';

const isCluster = (): boolean => redisUrl().startsWith('cluster:');

/** For tests of one server's own behaviour: skipped by name, with the reason, when the run's Redis is a Cluster. */
export const onOneServer = (reason: string): typeof test => {
  if (!isCluster()) return test;
  const skipped = (title: string, work: Parameters<typeof test>[1]): void => {
    test.skip(`${title} (not on a Cluster: ${reason})`, work);
  };
  return skipped as typeof test;
};

/** For tests of one connection: the run's Redis, or a server of their own where that is a Cluster. */
export async function singleServer(): Promise<{ readonly url: string; readonly discard: () => Promise<void> }> {
  return isCluster() ? throwawayRedis() : { url: redisUrl(), discard: () => Promise.resolve() };
}
