import type { DeadLetterDesk } from '../edge/console/dead-letter-pages.js';
import { judgeBullDeadLetters, judgeRabbitDeadLetters, type Judge } from '../edge/queues/dead-letters.js';
import { GatewayError } from '../kit/errors.js';
import type { Log } from '../kit/log.js';
import { within } from '../kit/within.js';
import type { QueueConnection } from '../stores/redis/queue-connections.js';

export type DeadLetterDeskDeps = {
  readonly rabbitmqUrl: string | undefined;
  readonly connection: QueueConnection;
  readonly namespace: string;
  readonly log: Log;
};

/** Letters of each queue that the console shows. */
const LISTED_MAX = 100;
const WITHIN_MS = 10_000;

/**
 * The dead letters of both transports, for the console. RabbitMQ is connected for each look: it has few, and an operator
 * looks rarely.
 */
export function deadLetterDesk({ rabbitmqUrl, connection, namespace, log }: DeadLetterDeskDeps): DeadLetterDesk {
  const transports = [
    { name: 'BullMQ', judge: (judge: Judge, limit?: number) => judgeBullDeadLetters(connection, namespace, judge, limit) },
    ...(rabbitmqUrl === undefined ? [] : [
      { name: 'RabbitMQ', judge: (judge: Judge, limit?: number) => judgeRabbitDeadLetters(rabbitmqUrl, judge, limit) },
    ]),
  ];
  return {
    list: async () => {
      const found = await Promise.all(transports.map(async ({ name, judge }) => ({
        name,
        letters: await within(WITHIN_MS, `reading the dead letters of ${name}`, judge(() => 'keep', LISTED_MAX)).catch((error: unknown) => {
          log.warn({ err: error }, `the dead letters of ${name} could not be read`);
          return null;
        }),
      })));
      return {
        letters: found.flatMap(({ letters }) => letters ?? []),
        silent: found.flatMap(({ name, letters }) => (letters === null ? [name] : [])),
      };
    },
    decide: async ({ verdict, which, actor, reason }) => {
      let done = 0;
      for (const { name, judge } of transports) {
        const letters = await judge((letter) => (which(letter) ? verdict : 'keep')).catch((error: unknown) => {
          log.warn({ err: error, verdict, actor }, `the dead letters of ${name} could not be decided`);
          throw new GatewayError('ledger_unavailable', `${name} does not answer; try again`, { outcome: 'unknown', cause: error });
        });
        const meant = letters.filter(which);
        for (const { id, queue, code } of meant) log.info({ verdict, actor, reason, letter: id, queue, code }, 'dead letter decided');
        done += meant.length;
      }
      return done;
    },
  };
}
