import { readConfig } from '../config.js';
import { rebuild, type RebuildReport } from '../journal/rebuild.js';
import { readLosses } from '../journal/shard-losses.table.js';
import { systemClock } from '../kit/clock.js';
import { openCliCore } from './core.js';
import { lossLine } from './describe-loss.js';
import { say, type Result } from './output.js';

/** `credit-gateway rebuild`: after Redis is gone, loads its accounts from Postgres before anyone asks for them. */

const LOSSES_MAX = 100;
const PROGRESS_EVERY_MS = 1_000;
const MS_PER_SECOND = 1_000;

/**
 * Loads the accounts that were changed within EVICT_AFTER_SECONDS or have something held; with `all`, every one. Exit code 1: shards
 * are closed, whose accounts could not be loaded.
 */
export async function rebuildRedis({ all }: { readonly all: boolean }): Promise<Result> {
  const config = readConfig();
  const { core: { db, drainDb, redis, keys, fence }, close } = await openCliCore(config, say);
  try {
    const startedAt = performance.now();
    const usedSinceMs = all || config.evictAfterMs === 0 ? null : systemClock() - config.evictAfterMs;
    const report = await rebuild(
      { db: drainDb, redis, keys, fence, clock: systemClock, progress: progressLines(startedAt) }, { usedSinceMs },
    );
    const closed = Array.from({ length: keys.shards }, (_, shard) => shard).filter((shard) => fence.epochOf(shard) === null);
    const losses = await readLosses(db, { all: false, limit: LOSSES_MAX });
    return {
      json: { ...report, closedShards: closed, losses },
      text: [summary(report, performance.now() - startedAt), ...closedLines(report, closed), ...losses.map(lossLine)].join('\n'),
      exitCode: report.closed > 0 || closed.length > 0 ? 1 : 0,
    };
  } finally {
    await close();
  }
}

function progressLines(startedAt: number): (report: RebuildReport) => void {
  let toldAt = startedAt;
  return ({ accounts, done }) => {
    const now = performance.now();
    if (now - toldAt < PROGRESS_EVERY_MS && done < accounts) return;
    toldAt = now;
    const percent = accounts === 0 ? 100 : Math.min(100, Math.floor((done / accounts) * 100));
    say(`${done} of ${accounts} accounts (${percent} %), ${perSecond(done, now - startedAt)} a second`);
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
  return [
    `${report.closed} accounts were not loaded: shards ${which} are closed (credit-gateway shards list); run this again when they are open`,
  ];
}
