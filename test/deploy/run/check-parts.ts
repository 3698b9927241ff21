import { setTimeout as sleep } from 'node:timers/promises';
import { expectEqual, type Check } from './check.js';
import { eventually } from './shell.js';

/** RabbitMQ, Prometheus and Alertmanager, each asked in its own container: none of them is published. */

const WITHIN_MS = 180_000;

/** Runs in the worker, which has the library and the address. */
const PUBLISH = `const { connect } = await import('amqplib');
const connection = await connect(process.env.RABBITMQ_URL);
const channel = await connection.createConfirmChannel();
channel.sendToQueue(process.argv[1], Buffer.from(process.argv[2]), { persistent: true });
await channel.waitForConfirms();
await connection.close();`;

const rabbitmq: Check = {
  name: 'a settlement by RabbitMQ',
  run: async ({ stack, api }) => {
    await stack.exec('gateway', 'credit-gateway', 'features', 'seed');
    const before = Number(await api.available('alice'));
    const usage = { user_id: 'alice', usage_key: `verify-${Date.now()}`, feature_endpoint_id: 'ai_chat_v1' };
    const message = JSON.stringify({ ...usage, usages: [{ ai_model: 'gpt-4', input_tokens: 0, output_tokens: 40 }] });
    await stack.exec('worker', 'node', '--input-type=module', '--eval', PUBLISH, 'credits_process_end_multimodel_queue', message);
    const after = await eventually('the settlement', WITHIN_MS, async () => {
      const now = Number(await api.available('alice'));
      return now === before ? undefined : now;
    });
    await sleep(1_000); // a second charge would come with a second delivery
    expectEqual('available', Number(await api.available('alice')), after);
    return `40 tokens: ${before} became ${after} credits`;
  },
};

type Target = { readonly scrapeUrl: string; readonly health: string; readonly lastError: string };
type Rule = { readonly name: string; readonly health: string; readonly state?: string };

const prometheus: Check = {
  name: 'Prometheus: every target is up, every rule is sound, Alertmanager is known',
  run: async ({ stack }) => {
    const ask = async <T>(path: string): Promise<T> =>
      (JSON.parse(await stack.exec('prometheus', 'wget', '-q', '-O', '-', `http://127.0.0.1:9090/api/v1/${path}`)) as { data: T }).data;
    const targets = await eventually('targets that are up', WITHIN_MS, async () => {
      const { activeTargets } = await ask<{ activeTargets: readonly Target[] }>('targets');
      const down = activeTargets.filter(({ health }) => health !== 'up');
      if (activeTargets.length < 2 || down.length > 0) throw new Error(JSON.stringify(down));
      return activeTargets.length;
    });
    const rules = await eventually('rules that were evaluated', WITHIN_MS, async () => {
      const { groups } = await ask<{ groups: readonly { readonly rules: readonly Rule[] }[] }>('rules');
      const all = groups.flatMap((group) => group.rules);
      const wrong = all.filter(({ health }) => health !== 'ok');
      if (all.length === 0 || wrong.length > 0) throw new Error(wrong.map(({ name }) => name).join(', '));
      return all;
    });
    const { activeAlertmanagers } = await ask<{ activeAlertmanagers: readonly object[] }>('alertmanagers');
    expectEqual('Alertmanagers', activeAlertmanagers.length, 1);
    const firing = rules.filter(({ state }) => state === 'firing').map(({ name }) => name);
    return `${targets} targets, ${rules.length} rules; firing: ${firing.join(', ') || 'none'}`;
  },
};

export const PART_CHECKS: readonly Check[] = [rabbitmq, prometheus];
