import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { resumeShard } from '../journal/resume-shard.js';
import { reportShards } from '../journal/shard-report.js';
import { commandActor, openCliCore } from './core.js';
import { runCli } from './run-cli.js';

/** `npm run shards -- list|resume`: shards whose journal contradicts Postgres. */

const USAGE = `usage: npm run shards -- list [--all]
       npm run shards -- resume <shard> --reason "what was put right"

list shows shards that are stopped or behind; --all shows every one. resume lets the drain try again from where it
stopped: it skips nothing, and stops again while the contradiction is there.`;

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { reason: { type: 'string', default: '' }, all: { type: 'boolean', default: false } } });
  const [command, shardText = ''] = positionals;
  if (command !== 'list' && command !== 'resume') throw new Error('say list or resume');
  if (command === 'resume' && (!/^\d{1,4}$/.test(shardText) || values.reason.trim() === '')) throw new Error('name one shard, and say --reason');
  const { core: { db, redis, keys, drain }, close } = await openCliCore(readConfig(), (line) => { console.error(line.trimEnd()); });
  try {
    if (command === 'list') {
      const shown = (await reportShards({ db, redis, keys })).filter(({ stoppedReason, lagEntries }) => values.all || stoppedReason !== null || lagEntries > 0);
      return shown.length === 0 ? 'no shard is stopped or behind' : shown.map(({ shard, epoch, cursor, lagEntries, stoppedReason }) =>
        `shard ${shard}  epoch ${epoch}  cursor ${cursor}  ${lagEntries} entries waiting${stoppedReason === null ? '' : `\n  stopped: ${stoppedReason}`}`).join('\n');
    }
    const resumed = await resumeShard({ db, drain }, { shard: Number(shardText), reason: values.reason, actor: commandActor() });
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
