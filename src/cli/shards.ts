import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { renewShard, type Renewed } from '../journal/renew-shard.js';
import { resumeShard } from '../journal/resume-shard.js';
import { readLeftBehind, type LeftBehind } from '../journal/loss-accounts.table.js';
import { acknowledgeLosses, readLosses } from '../journal/shard-losses.table.js';
import { reportShards, type ShardReport } from '../journal/shard-report.js';
import { commandActor, openCliCore } from './core.js';
import { lossLine } from './describe-loss.js';
import { creditsText } from '../kit/money/credits.js';
import { printable } from './printable.js';
import { runCli } from './run-cli.js';

/** `npm run shards -- list|resume|renew|acknowledge`: shards whose journal contradicts Postgres, and losses of Redis. */

const USAGE = `usage: npm run shards -- list [--all]
       npm run shards -- resume <shard> --reason "what was corrected"
       npm run shards -- renew <shard> --reason "why Postgres is right"
       npm run shards -- left <shard> --epoch <epoch>
       npm run shards -- acknowledge <shard> --reason "what was done about the loss"

list shows shards that are stopped or behind, and unacknowledged losses of Redis; --all shows every shard
and every loss. resume lets the drain continue where it stopped: it skips nothing, and stops again while the
contradiction remains. renew gives a stopped shard a new epoch: its accounts go on from what Postgres has, and what
Postgres did not take is told by account, can be shown again with left, and is kept in the table quarantine. acknowledge
ends the alarm about a loss; the record stays.`;

const LOSSES_MAX = 100;

const shardLine = ({ shard, epoch, cursor, lagEntries, stoppedReason }: ShardReport): string =>
  `shard ${shard}  epoch ${epoch}  cursor `
    + `${cursor}  ${lagEntries} entries waiting${stoppedReason === null ? '' : `\n  stopped: ${stoppedReason}`}`;

const COMMANDS = ['list', 'resume', 'renew', 'left', 'acknowledge'];

const leftLine = ({ accountId, entries, granted, captured, available }: LeftBehind): string =>
  `  ${printable(accountId)}: ${entries} entries, granted ${creditsText(granted)}, captured ${creditsText(captured)}, `
    + `available ${creditsText(available)}`;

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

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: {
      reason: { type: 'string', default: '' }, all: { type: 'boolean', default: false }, epoch: { type: 'string', default: '' },
    },
  });
  const [command, shardText = ''] = positionals;
  if (!COMMANDS.includes(command ?? '')) throw new Error(`say one of ${COMMANDS.join(', ')}`);
  if (command === 'left' ? !/^\d{1,4}$/.test(shardText) || !/^\d{1,9}$/.test(values.epoch) : command !== 'list' && (
    !/^\d{1,4}$/.test(shardText) || values.reason.trim() === ''
  )) {
    throw new Error(command === 'left' ? 'name one shard, and its --epoch that was left' : 'name one shard, and say --reason');
  }
  const { core: { db, redis, keys, drain }, close } = await openCliCore(readConfig(), (line) => { console.error(line.trimEnd()); });
  try {
    if (command === 'list') {
      const shown = (await reportShards({ db, redis, keys })).filter(({ stoppedReason, lagEntries }) =>
        values.all || stoppedReason !== null || lagEntries > 0);
      const losses = await readLosses(db, { all: values.all, limit: LOSSES_MAX });
      return [...(shown.length === 0 ? ['no shard is stopped or behind'] : shown.map(shardLine)), ...losses.map(lossLine)].join('\n');
    }
    if (command === 'left') {
      const accounts = await readLeftBehind(db, Number(shardText), Number(values.epoch));
      return accounts.length === 0
        ? `nothing was left behind with epoch ${values.epoch} of shard ${shardText}` : accounts.map(leftLine).join('\n');
    }
    if (command === 'acknowledge') {
      const count = await acknowledgeLosses(db, Number(shardText), { reason: values.reason, actor: commandActor() });
      return count === 0
        ? `shard ${shardText} has no unacknowledged loss`
        : `shard ${shardText}: acknowledged (${count === 1 ? 'one loss' : `${count} losses`})`;
    }
    const by = { shard: Number(shardText), reason: values.reason, actor: commandActor() };
    if (command === 'renew') return renewedText(shardText, await renewShard({ db, redis, keys }, by));
    const resumed = await resumeShard({ db, drain }, by);
    switch (resumed.status) {
      case 'not_stopped': return `shard ${shardText} is not stopped`;
      case 'resumed': return `shard ${shardText} is drained again: ${resumed.entries} entries went in`;
      case 'stopped_again':
        process.exitCode = 1;
        return `shard ${shardText} stopped again after ${resumed.entries} entries: ${resumed.reason}`;
    }
  } finally {
    await close();
  }
});
