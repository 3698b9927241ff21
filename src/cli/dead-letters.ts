import { parseArgs } from 'node:util';
import { readConfig, type Config } from '../config.js';
import { judgeBullDeadLetters, judgeRabbitDeadLetters, type DeadLetter, type Judge, type Verdict } from '../edge/queues/dead-letters.js';
import { connectQueueOnce } from '../stores/redis/queue-connections.js';
import { runCli } from './run-cli.js';

/** `npm run dead-letters -- list|replay|discard`: failed settlements in the dead-letter queues of RabbitMQ and of BullMQ. */

const USAGE = `usage: npm run dead-letters -- list
       npm run dead-letters -- replay|discard <id>… | --all | --code <code>

Reads the dead-letter queues of RabbitMQ and of Redis, if configured. However often a settlement is replayed, it is charged once.`;
const BODY_SHOWN_MAX = 300;

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: { all: { type: 'boolean', default: false }, code: { type: 'string' } },
  });
  const [command, ...ids] = positionals;
  const verdict = verdictOf(command);
  if (verdict !== 'keep' && ids.length === 0 && !values.all && values.code === undefined) {
    throw new Error(`say which to ${command ?? ''}: ids, --code, or --all`);
  }
  const judge: Judge = (letter) => (ids.includes(letter.id) || values.all || values.code === letter.code ? verdict : 'keep');
  const letters = await judgeAll(readConfig(), judge);
  if (verdict === 'keep') return letters.length === 0 ? 'no dead letters' : letters.map(describe).join('\n\n');
  return `${letters.filter((letter) => judge(letter) === verdict).length} of ${letters.length} dead letters: `
    + (verdict === 'replay' ? 'replayed' : 'discarded');
});

function verdictOf(command: string | undefined): Verdict {
  switch (command) {
    case 'list': return 'keep';
    case 'replay': return 'replay';
    case 'discard': return 'discard';
    case undefined:
    default: throw new Error('say list, replay or discard');
  }
}

async function judgeAll({ rabbitmqUrl, redis, redisNamespace }: Config, judge: Judge): Promise<DeadLetter[]> {
  if (rabbitmqUrl === undefined && redis === undefined) {
    throw new Error('neither RABBITMQ_URL nor a Redis is configured: there are no dead-letter queues');
  }
  const letters: DeadLetter[] = [];
  if (rabbitmqUrl !== undefined) letters.push(...await judgeRabbitDeadLetters(rabbitmqUrl, judge));
  if (redis !== undefined) {
    const { connection, close } = connectQueueOnce(redis, redisNamespace, ({ message }) => { console.error(`Redis: ${message}`); });
    try {
      letters.push(...await judgeBullDeadLetters(connection, redisNamespace, judge));
    } finally {
      close();
    }
  }
  return letters;
}

function describe({ transport, queue, id, reason, code, attempts, deadAt, body }: DeadLetter): string {
  return `${id}  ${transport} ${queue}  ${deadAt}  ${code}, ${attempts} attempts\n  ${reason}\n  ${body.slice(0, BODY_SHOWN_MAX)}`;
}
