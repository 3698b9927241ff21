import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { mintToken } from '../../src/edge/auth/mint-token.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../../test/support/servers.js';
import { entriesInPostgres } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { openLedgerView } from '../ledger-view.js';
import { openLoad } from '../load/open-load.js';
import type { Part } from '../part.js';
import { startGatewayProcess } from '../processes.js';
import { median } from '../statistics.js';

/**
 * What `appendfsync always` costs against `everysec`, through the whole gateway: the two take turns on one Redis, whose setting is changed
 * in between, after Postgres has everything of the turn before. Over one connection a hold waits for an fsync of its own; over many,
 * holds share one. The ratios are those of this disk.
 */
export const durability: Part = {
  name: 'durability',
  about: 'holds with `appendfsync always` and with `everysec`',
  isQuick: false,
  run: async ({ say }) => {
    const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
    const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
    const secret = randomBytes(32).toString('hex');
    const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, MAX_OPEN_HOLDS: '100000' };
    await migrate(postgres.ownerUrl, () => undefined);
    const worker = await startGatewayProcess('worker', environment);
    const api = await startGatewayProcess('api', environment);
    const load = await openLoad(say);
    const view = await openLedgerView(environment);
    const operator = new Redis(redis.operatorUrl);
    try {
      const { ids } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
      const token = await mintToken(secret, { sub: 'bench-operator', role: 'admin' }, HOUR_SECONDS, Date.now());
      const perSecond = new Map(LEGS.map((leg) => [leg, { everysec: [] as number[], always: [] as number[] }]));
      const problems: string[] = [];
      let sent = 0;
      for (let round = -1; round < ROUNDS; round += 1) {
        say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${ROUNDS}`);
        for (const [leg, found] of perSecond) {
          for (const setting of round % 2 === 0 ? SETTINGS : SETTINGS.toReversed()) {
            await operator.config('SET', 'appendfsync', setting);
            const requests = Array.from({ length: leg.holds }, () => {
              sent += 1;
              const body = { account: ids[sent % ids.length], id: `durable-${sent}`, amount: '0.01', reason: 'bench' };
              return { path: '/v1/holds', token, body: JSON.stringify(body) };
            });
            const { durationMs, answers } = await load.run({ port: api.port, connections: leg.connections, requests });
            const placed = answers.filter(({ status }) => status === 201).length;
            problems.push(...answers.filter(({ status }) => status !== 201 && status !== 503)
              .map(({ status, body }) => `a hold was answered ${status}: ${body}`));
            if (round >= 0) found[setting].push(placed / durationMs * 1_000);
            const written = (await Promise.all(ids.map((id) => view.ledger.readAccount(id)))).reduce((total, { seq }) => total + seq, 0);
            while (await entriesInPostgres(view.db) < written) await setTimeout(POLL_MS);
          }
        }
      }
      return {
        figures: [...perSecond].map(([{ connections }, { everysec, always }]) => ({
          id: 'fsync',
          name: `holds per second over ${connections === 1 ? 'one connection' : `${connections} connections`}, always ÷ everysec`,
          values: always.map((each, index) => each / (everysec[index] ?? NaN)), limitedBy: 'the fsync of this disk',
        })),
        tables: [{
          title: 'Holds per second by `appendfsync`, medians', columns: ['connections', ...SETTINGS],
          rows: [...perSecond].map(([{ connections }, found]) =>
            [connections, ...SETTINGS.map((setting) => Math.round(median(found[setting])))]),
        }],
        problems,
      };
    } finally {
      operator.disconnect();
      await view.close();
      await Promise.all([load.stop(), api.stop()]);
      await worker.stop();
      await redis.discard();
      await postgres.discard();
    }
  },
};

const SETTINGS = ['everysec', 'always'] as const;
const LEGS = [{ connections: 1, holds: 200 }, { connections: 64, holds: 2_000 }] as const;
const ROUNDS = 9;
const ACCOUNTS = 64;
const POLL_MS = 20;
const HOUR_SECONDS = 3_600;
