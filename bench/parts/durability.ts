import { Redis } from 'ioredis';
import { drainedAll } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { onGatewayStage } from '../gateway-stage.js';
import type { Part } from '../part.js';
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
  run: ({ say }) => onGatewayStage({ say }, async ({ redis, api, load, view, secret, operator: token }) => {
    const operator = new Redis(redis.operatorUrl);
    try {
      const { ids } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
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
            await drainedAll(view, ids);
          }
        }
      }
      return {
        figures: [...perSecond].map(([{ connections }, { everysec, always }]) => ({
          id: 'fsync', name: `holds per second over ${connections} connection${connections === 1 ? '' : 's'}, always ÷ everysec`,
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
    }
  }),
};

const SETTINGS = ['everysec', 'always'] as const;
const LEGS = [{ connections: 1, holds: 200 }, { connections: 64, holds: 2_000 }] as const;
const ROUNDS = 5;
const ACCOUNTS = 64;
