import { expectEqual, type Check, type Subject } from './check.js';
import { eventually } from './shell.js';
import { linesOf } from './stack.js';

/** Processes that die, and data that must be there afterwards. */

const BACK_WITHIN_MS = 300_000;

/** A hold and its settlement: 2 credits of Alice's. Repeats the same request until it is answered, as a caller would. */
async function spendTwo({ api }: Subject): Promise<void> {
  const id = `verify-${Date.now()}`;
  const ask = (path: string, body: object): Promise<object> =>
    eventually(path, BACK_WITHIN_MS, () => api.call(path, { account: 'alice', ...body }));
  await ask('/v1/holds', { id, amount: '3', reason: 'verify' });
  await ask(`/v1/holds/${id}/settle`, { amount: '2', reason: 'completed' });
}

const spendable = async ({ api }: Subject): Promise<number> =>
  Number(await eventually('a balance', BACK_WITHIN_MS, () => api.available('alice')));

/** Alice has 2 credits less after `change`, and the services are healthy. */
async function keepsBooks(subject: Subject, change: () => Promise<void>): Promise<void> {
  const before = await spendable(subject);
  await change();
  await subject.stack.healthy(BACK_WITHIN_MS);
  await spendTwo(subject);
  expectEqual('available', await spendable(subject), before - 2);
}

const soundBooks = ({ stack }: Subject): Promise<string> => stack.exec('gateway', 'credit-gateway', 'reconcile', '--all');

/**
 * Not `docker kill`: an engine does not restart what its own user ended. From a container in the engine's process namespace, because the
 * engine may run in a virtual machine, and its user need not be root.
 */
async function killNine({ stack }: Subject, container: string): Promise<void> {
  const started = (): Promise<string> => stack.docker(['inspect', '--format', '{{.State.Pid}} {{.RestartCount}}', container]);
  const before = await started();
  const kill = `process.kill(${Number.parseInt(before, 10)}, 'SIGKILL')`;
  await stack.docker(['run', '--rm', '--pid', 'host', '--network', 'none', '--user', '0', stack.image, 'node', '--eval', kill]);
  await eventually(`${container} has ended`, BACK_WITHIN_MS, async () => ((await started()) === before ? undefined : true));
}

const killed: Check = {
  name: 'kill -9 of each service: it comes back, and the books are right',
  run: async (subject) => {
    const seen: string[] = [];
    for (const { name, service } of await subject.stack.containers()) {
      if (service === 'migrate') continue;
      const startedAt = performance.now();
      await keepsBooks(subject, () => killNine(subject, name));
      seen.push(`${service} ${Math.round((performance.now() - startedAt) / 1_000)} s`);
    }
    await soundBooks(subject);
    return seen.join(', ');
  },
};

const restarted: Check = {
  name: 'stop and start: every service ends by itself, the data is kept',
  run: async (subject) => {
    await keepsBooks(subject, async () => {
      await subject.stack.docker(['compose', 'stop']);
      for (const { name, service } of await subject.stack.containers()) {
        expectEqual(`exit code of ${service}`, await subject.stack.docker(['inspect', '--format', '{{.State.ExitCode}}', name]), '0');
      }
      await subject.stack.lines('docker compose up -d --wait');
    });
    await soundBooks(subject);
    return 'all exit codes 0';
  },
};

const restored: Check = {
  name: 'backup, loss of Postgres and Redis, restore (docs/deployment.md)',
  run: async (subject) => {
    const section = '### In Compose';
    await spendTwo(subject);
    await eventually('everything is in Postgres', BACK_WITHIN_MS, async () => {
      const { data } = await subject.api.call('/v1/accounts/alice/entries?limit=1') as { data: readonly { kind: string }[] };
      return data[0]?.kind === 'settle' ? true : undefined;
    });
    await subject.stack.lines(linesOf('docs/deployment.md', section, 0));
    const before = await spendable(subject);
    await spendTwo(subject); // after the backup: it must be gone
    await subject.stack.lines(linesOf('docs/deployment.md', section, 1));
    await subject.stack.healthy(BACK_WITHIN_MS);
    expectEqual('available', await spendable(subject), before);
    await spendTwo(subject);
    await soundBooks(subject);
    return `${before} credits, as at the backup; reconciled`;
  },
};

export const FAULT_CHECKS: readonly Check[] = [killed, restarted, restored];
