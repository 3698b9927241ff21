import { readConfig } from '../config.js';
import { renewShard, type Renewed } from '../journal/renew-shard.js';
import { resumeShard } from '../journal/resume-shard.js';
import { readLeftBehind, type LeftBehind } from '../journal/loss-accounts.table.js';
import { acknowledgeLosses, readLosses } from '../journal/shard-losses.table.js';
import { reportShards, type ShardReport } from '../journal/shard-report.js';
import { commandActor, openCliCore, type CliCore } from './core.js';
import { lossLine } from './describe-loss.js';
import { creditsText } from '../kit/money/credits.js';
import { printable } from './printable.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway shards`: shards whose journal contradicts Postgres, and losses of Redis. */

const LOSSES_MAX = 100;

const shardLine = ({ shard, epoch, cursor, lagEntries, stoppedReason }: ShardReport): string =>
  `shard ${shard}  epoch ${epoch}  cursor `
    + `${cursor}  ${lagEntries} entries waiting${stoppedReason === null ? '' : `\n  stopped: ${stoppedReason}`}`;

const leftLine = ({ accountId, entries, granted, captured, available }: LeftBehind): string =>
  `  ${printable(accountId)}: ${entries} entries, granted ${creditsText(granted)}, captured ${creditsText(captured)}, `
    + `available ${creditsText(available)}`;

const presentLeft = ({ granted, captured, available, ...rest }: LeftBehind) =>
  ({ ...rest, granted: creditsText(granted), captured: creditsText(captured), available: creditsText(available) });

function renewedText(shard: string, renewed: Renewed): string {
  if (renewed.status === 'not_stopped') return `shard ${shard} is not stopped`;
  const { epoch, entries, unreadable, fromMs, toMs, accounts } = renewed;
  const times = [fromMs, toMs].flatMap((ms) => (ms === null ? [] : [new Date(ms).toISOString()]));
  const window = times.length === 0 ? '' : `, written from ${times.join(' to ')}`;
  return [
    `shard ${shard} goes on in epoch ${epoch}; ${entries} entries were left behind${window}`,
    ...(unreadable === 0 ? [] : [`${unreadable} of them cannot be read`]),
    ...accounts.map(leftLine),
  ].join('\n');
}

async function withCore(work: (core: CliCore['core']) => Promise<Result>): Promise<Result> {
  const { core, close } = await openCliCore(readConfig(), say);
  try {
    return await work(core);
  } finally {
    await close();
  }
}

/** Shards that are stopped or behind, and unacknowledged losses; with `all`, every shard and every loss. */
export const listShards = ({ all }: { readonly all: boolean }): Promise<Result> => withCore(async ({ db, redis, keys }) => {
  const shown = (await reportShards({ db, redis, keys })).filter(({ stoppedReason, lagEntries }) =>
    all || stoppedReason !== null || lagEntries > 0);
  const losses = await readLosses(db, { all, limit: LOSSES_MAX });
  return {
    json: { shards: shown, losses },
    text: [...(shown.length === 0 ? ['no shard is stopped or behind'] : shown.map(shardLine)), ...losses.map(lossLine)].join('\n'),
  };
});

type Why = { readonly reason: string };
const checked = (shard: string, { reason }: Why): { readonly shard: number; readonly reason: string; readonly actor: string } => {
  if (reason.trim() === '') throw new UsageError('--reason is empty: say why');
  return { shard: shardOf(shard), reason, actor: commandActor() };
};

function shardOf(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`"${text}" is no number of a shard`);
  const { shards } = readConfig();
  if (Number(text) >= shards) throw new UsageError(`there is no shard ${text}: they are 0 to ${shards - 1}`);
  return Number(text);
}

/** Lets the drain continue where it stopped. It skips nothing, and stops again while the contradiction remains: exit code 1. */
export function resume(shard: string, why: Why): Promise<Result> {
  const by = checked(shard, why);
  return withCore(async ({ db, drain }) => {
    const resumed = await resumeShard({ db, drain }, by);
    switch (resumed.status) {
      case 'not_stopped': return { json: resumed, text: `shard ${shard} is not stopped` };
      case 'resumed': return { json: resumed, text: `shard ${shard} is drained again: ${resumed.entries} entries went in` };
      case 'stopped_again': return {
        json: resumed, text: `shard ${shard} stopped again after ${resumed.entries} entries: ${resumed.reason}`, exitCode: 1,
      };
    }
  });
}

/** Gives a stopped shard a new epoch: its accounts go on from what Postgres has. What Postgres did not take is told and kept. */
export function renew(shard: string, why: Why): Promise<Result> {
  const by = checked(shard, why);
  return withCore(async ({ db, redis, keys }) => {
    const renewed = await renewShard({ db, redis, keys }, by);
    return {
      json: renewed.status === 'not_stopped' ? renewed : { ...renewed, accounts: renewed.accounts.map(presentLeft) },
      text: renewedText(shard, renewed),
    };
  });
}

/** What was left behind when an epoch of a shard ended. */
export function listLeft(shard: string, { epoch }: { readonly epoch: string }): Promise<Result> {
  const number = shardOf(shard);
  if (!/^\d{1,9}$/.test(epoch)) throw new UsageError(`--epoch "${epoch}" is no number of an epoch`);
  return withCore(async ({ db }) => {
    const accounts = await readLeftBehind(db, number, Number(epoch));
    return {
      json: accounts.map(presentLeft),
      text: accounts.length === 0 ? `nothing was left behind with epoch ${epoch} of shard ${shard}` : accounts.map(leftLine).join('\n'),
    };
  });
}

/** Ends the alarm about losses of a shard; the record stays. */
export function acknowledge(shard: string, why: Why): Promise<Result> {
  const { shard: number, ...by } = checked(shard, why);
  return withCore(async ({ db }) => {
    const count = await acknowledgeLosses(db, number, by);
    return {
      json: { acknowledged: count },
      text: count === 0
        ? `shard ${shard} has no unacknowledged loss` : `shard ${shard}: acknowledged (${count === 1 ? 'one loss' : `${count} losses`})`,
    };
  });
}
