import { randomBytes } from 'node:crypto';
import { openTestServers } from './servers.js';

/**
 * One Redis and one Postgres for the whole run, thrown away at its end; or the ones that TEST_REDIS_URL and
 * TEST_DATABASE_URL name. Workers inherit the environment that is set here.
 */
export default async function globalSetup(): Promise<void> {
  // Names what this run creates in a Postgres that is not ours, so that the teardown drops just that.
  process.env['TEST_RUN_ID'] = randomBytes(4).toString('hex');
  const { redisUrl, databaseUrl } = await openTestServers({
    redisUrl: process.env['TEST_REDIS_URL'],
    databaseUrl: process.env['TEST_DATABASE_URL'],
  });
  process.env['TEST_REDIS_URL'] = redisUrl;
  process.env['TEST_DATABASE_URL'] = databaseUrl;
}
