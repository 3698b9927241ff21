import { randomBytes } from 'node:crypto';
import { openTestServers } from './servers.js';

/**
 * One Redis and one Postgres for the whole run, deleted at its end; or those of TEST_REDIS_URL and TEST_DATABASE_URL.
 * Workers inherit the environment that is set here.
 */
export default async function globalSetup(): Promise<void> {
  // Part of the name of everything that this run creates in an external Postgres, so that the teardown drops only that.
  process.env['TEST_RUN_ID'] = randomBytes(4).toString('hex');
  const { redisUrl, databaseUrl } = await openTestServers({
    redisUrl: process.env['TEST_REDIS_URL'],
    databaseUrl: process.env['TEST_DATABASE_URL'],
  });
  process.env['TEST_REDIS_URL'] = redisUrl;
  process.env['TEST_DATABASE_URL'] = databaseUrl;
}
