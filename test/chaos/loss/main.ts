import type { Case } from './cases.js';
import { clusterByHand, clusterKill, clusterPause, clusterTakeover, sentinelByHand, sentinelKill } from './failovers.js';
import { oneRedis } from './one-redis.js';
import type { Missing } from './writers.js';

/**
 * `npm run chaos:loss -- [rounds] [word]`: how much of what Redis has acknowledged each setup can lose, or those whose name has the word
 * (docs/reliability.md#loss-windows).
 */
const LISTENERS_MAX = 100;
process.setMaxListeners(LISTENERS_MAX);
const rounds = Number(process.argv[2] ?? '5');
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error('usage: npm run chaos:loss -- [rounds] [word]');
  process.exit(2);
}

const cases: readonly Case[] = [
  ...(['everysec', 'always'] as const).flatMap((appendfsync) => [false, true].flatMap((power) => [false, true].map((stalls) =>
    oneRedis(appendfsync, { stalls, power })))),
  sentinelKill, sentinelByHand, clusterKill, clusterPause, clusterByHand, clusterTakeover,
];

const most = (found: readonly Missing[], of: (each: Missing) => number): number => Math.max(...found.map(of));

console.log('| Setup | Fault | Lost at most | Entries at most | Rounds with a loss | Writes a second |\n|---|---|---|---|---|---|');
for (const { setup, fault, measure } of cases.filter((each) => `${each.setup}, ${each.fault}`.includes(process.argv[3] ?? ''))) {
  const found = await measure(rounds);
  const losing = found.filter(({ entries }) => entries > 0).length;
  const rate = Math.round(found.reduce((sum, { perSecond }) => sum + perSecond, 0) / found.length);
  const figures = [`${most(found, ({ ms }) => ms)} ms`, most(found, ({ entries }) => entries), `${losing} of ${rounds}`, rate];
  console.log(`| ${[setup, fault, ...figures].join(' | ')} |`);
}
process.exit(0);
