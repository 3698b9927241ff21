import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { rebuild, type RebuildReport } from '../journal/rebuild.js';
import { readLosses } from '../journal/shard-losses.table.js';
import { systemClock } from '../kit/clock.js';
import { openCliCore } from './core.js';
import { lossLine } from './describe-loss.js';
import { runCli } from './run-cli.js';

/** `npm run rebuild`: after Redis is gone, loads its accounts from Postgres before anyone asks for them. */

const USAGE = `usage: npm run rebuild
       npm run rebuild -- --all

Loads the accounts that Redis does not have from Postgres: those that were changed within EVICT_AFTER_SECONDS or have
something held; --all loads every account. Gateways may run meanwhile, because it is the load of the first use, done ahead.
It may be stopped and run again. Ends with 1 when shards are closed, whose accounts could not be loaded.`;

const LOSSES_MAX = 100;
const PROGRESS_EVERY_MS = 1_000;
const MS_PER_SECOND = 1_000;

await runCli(USAGE, async () => {
  const { values: { all } } = parseArgs({ options: { all: { type: 'boolean', default: false } } });
  const config = readConfig();
  const { core: { db, drainDb, redis, keys, fence }, close } = await openCliCore(config, (line) => { console.error(line.trimEnd()); });
  try {
    const startedAt = performance.now();
    const usedSinceMs = all || config.evictAfterMs === 0 ? null : systemClock() - config.evictAfterMs;
    const report = await rebuild(
      { db: drainDb, redis, keys, fence, clock: systemClock, progress: progressLines(startedAt) }, { usedSinceMs },
    );
    const closed = Array.from({ length: keys.shards }, (_, shard) => shard).filter((shard) => fence.epochOf(shard) === null);
    if (report.closed > 0 || closed.length > 0) process.exitCode = 1;
    const losses = await readLosses(db, { all: false, limit: LOSSES_MAX });
    return [summary(report, performance.now() - startedAt), ...closedLines(report, closed), ...losses.map(lossLine)].join('\n');
  } finally {
    await close();
  }
});

function progressLines(startedAt: number): (report: RebuildReport) => void {
  let toldAt = startedAt;
  return ({ accounts, done }) => {
    const now = performance.now();
    if (now - toldAt < PROGRESS_EVERY_MS && done < accounts) return;
    toldAt = now;
    const percent = accounts === 0 ? 100 : Math.min(100, Math.floor((done / accounts) * 100));
    console.error(`${done} of ${accounts} accounts (${percent} %), ${perSecond(done, now - startedAt)} a second`);
  };
}

function perSecond(count: number, ms: number): number {
  return Math.round(count / Math.max(0.001, ms / MS_PER_SECOND));
}

function summary({ accounts, loaded, present, lots, openHolds, endedHolds, receipts }: RebuildReport, ms: number): string {
  return `${accounts} accounts: ${loaded} loaded in ${(ms / MS_PER_SECOND).toFixed(1)} s, ${perSecond(loaded, ms)} a second; `
    + `${present} were in Redis already\nwith ${lots} lots, ${openHolds} open holds, ${endedHolds} ended holds, ${receipts} receipts`;
}

function closedLines(report: RebuildReport, closed: readonly number[]): string[] {
  if (report.closed === 0 && closed.length === 0) return [];
  const which = closed.length === 0 ? 'whose epoch has just changed' : closed.join(', ');
  return [`${report.closed} accounts were not loaded: shards ${which} are closed (npm run shards); run this again when they are open`];
}
