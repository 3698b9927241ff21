import { expectEqual, type Check } from './check.js';
import { linesOf } from './stack.js';

/** What a first start shows: limits, logs, and the lines of the README and of docs/deployment.md. */

const MIB = 2 ** 20;
/** What a Node process needs besides its heap, in MiB, measured at rest. */
const BESIDE_HEAP_MIB = 64;

const quietLogs: Check = {
  name: 'the first start logs no warning',
  run: async ({ stack }) => {
    const lines = (await stack.docker(['compose', 'logs', '--no-color', '--no-log-prefix', 'migrate', 'gateway', 'worker'])).split('\n');
    const loud = lines.filter((line) => /"level":"(warn|error|fatal)"/.test(line));
    // A busy machine may let Redis or Postgres answer late; the gateway says so, and goes on.
    const late = loud.filter((line) => /timed out|timeout expired/.test(line));
    expectEqual('warnings', loud.filter((line) => !late.includes(line)).map((line) => line.slice(0, 300)), []);
    return `${lines.length} lines of migrate, gateway and worker, ${late.length} of them about late answers`;
  },
};

const heaps: Check = {
  name: 'heaps fit into the memory of their container',
  run: async ({ stack }) => {
    const seen: string[] = [];
    for (const service of ['gateway', 'worker']) {
      const limit = Number(await stack.exec(service, 'node', '-p', 'process.constrainedMemory()')) / MIB;
      const heap = Number(await stack.exec(service, 'node', '-p', 'v8.getHeapStatistics().heap_size_limit')) / MIB;
      const processes = 1 + (service === 'gateway' ? Number(await stack.exec(service, 'printenv', 'API_PROCESSES')) : 0);
      const most = Math.round(processes * (heap + BESIDE_HEAP_MIB));
      if (!(most <= limit)) throw new Error(`${service}: ${processes} processes may take ${most} MiB of ${limit} MiB`);
      seen.push(`${service} ${most} of ${limit} MiB`);
    }
    return seen.join(', ');
  },
};

const rabbitLimits: Check = {
  name: 'RabbitMQ\'s memory alarm is below the limit of its container',
  run: async ({ stack }) => {
    const told = await stack.exec('rabbitmq', 'rabbitmqctl', 'eval', 'vm_memory_monitor:get_memory_limit().');
    const [, alarm = ''] = /^(\d+)/m.exec(told) ?? [];
    if (!(Number(alarm) > 0 && Number(alarm) < 1024 * MIB)) throw new Error(`the alarm is at ${told} bytes`);
    return `${Math.round(Number(alarm) / MIB)} MiB of 1024 MiB; ${await stack.exec('rabbitmq', 'sh', '-c', 'ulimit -n')} files`;
  },
};

const readme: Check = {
  name: 'README: a hold, its progress and its settlement',
  run: async ({ stack }) => {
    const after = 'In another terminal, in the same folder';
    const told = await stack.lines([0, 1, 2].map((index) => linesOf('README.md', after, index)).join('\n'));
    const statuses = told.split('\n').filter((line) => /^\d{3}$/.test(line));
    if (statuses.length < 5 || statuses.some((status) => !status.startsWith('2'))) throw new Error(told);
    if (!told.includes('"captured":"8.5"') || !told.includes('"kind":"settle"')) throw new Error(told);
    return `answers ${statuses.join(' ')}; the settlement is in Postgres`;
  },
};

const command: Check = {
  name: 'the command credit-gateway in the containers',
  run: async ({ stack }) => {
    const version = await stack.exec('gateway', 'credit-gateway', '--version');
    for (const args of [['keys', 'list'], ['shards', 'list'], ['reconcile', '--all'], ['account', 'show', 'alice']]) {
      await stack.exec('gateway', 'credit-gateway', ...args);
    }
    await stack.exec('worker', 'credit-gateway', 'dead-letters', 'list');
    return `${version}: keys, shards, reconcile, account; dead-letters in the worker`;
  },
};

export const START_CHECKS: readonly Check[] = [quietLogs, heaps, rabbitLimits, readme, command];
