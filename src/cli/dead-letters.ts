import { readConfig, type Config } from '../config.js';
import { judgeBullDeadLetters, judgeRabbitDeadLetters, type DeadLetter, type Judge, type Verdict } from '../edge/queues/dead-letters.js';
import { connectQueueOnce } from '../stores/redis/queue-connections.js';
import { runningRedis } from './core.js';
import { say, UsageError, type Result } from './output.js';
import { printable } from './printable.js';

/**
 * `credit-gateway dead-letters`: failed settlements in the dead-letter queues of RabbitMQ and of BullMQ, of the configured servers
 * or of the embedded Redis of a running gateway. However often a settlement is replayed, it is charged once.
 */

const BODY_SHOWN_MAX = 300;

export type Chosen = { readonly all: boolean; readonly code?: string };

export async function listDeadLetters(): Promise<Result> {
  const letters = await judgeAll(readConfig(), () => 'keep');
  return { json: letters, text: letters.length === 0 ? 'no dead letters' : letters.map(describe).join('\n\n') };
}

export const replayDeadLetters = (ids: readonly string[], chosen: Chosen): Promise<Result> => judgeSome('replay', ids, chosen);
export const discardDeadLetters = (ids: readonly string[], chosen: Chosen): Promise<Result> => judgeSome('discard', ids, chosen);

async function judgeSome(verdict: Exclude<Verdict, 'keep'>, ids: readonly string[], { all, code }: Chosen): Promise<Result> {
  if (ids.length === 0 && !all && code === undefined) throw new UsageError(`say which to ${verdict}: ids, --code, or --all`);
  const judge: Judge = (letter) => (ids.includes(letter.id) || all || code === letter.code ? verdict : 'keep');
  const letters = await judgeAll(readConfig(), judge);
  const chosen = letters.filter((letter) => judge(letter) === verdict);
  const missing = ids.filter((id) => !letters.some((letter) => letter.id === id));
  const done = `${chosen.length} of ${letters.length} dead letters: ${verdict === 'replay' ? 'replayed' : 'discarded'}`;
  return {
    json: { verdict, ids: chosen.map(({ id }) => id), of: letters.length, missing },
    text: [done, ...missing.map((id) => `there is no dead letter ${printable(id)}`)].join('\n'),
    exitCode: missing.length === 0 ? 0 : 1,
  };
}

async function judgeAll({ rabbitmqUrl, redis: configured, redisNamespace, dataDir }: Config, judge: Judge): Promise<DeadLetter[]> {
  const redis = configured ?? await runningRedis(dataDir, say);
  if (rabbitmqUrl === undefined && redis === undefined) {
    throw new Error('no gateway with an embedded Redis is running here, and neither RABBITMQ_URL nor REDIS_URL is set: '
      + 'start the gateway, or set one of them');
  }
  const letters: DeadLetter[] = [];
  if (rabbitmqUrl !== undefined) letters.push(...await judgeRabbitDeadLetters(rabbitmqUrl, judge));
  if (redis !== undefined) {
    const { connection, close } = connectQueueOnce(redis, redisNamespace, ({ message }) => { say(`Redis: ${message}`); });
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
