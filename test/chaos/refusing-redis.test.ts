import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { queuePrefix } from '../../src/stores/redis/queue-connections.js';
import { send } from '../support/fake-gateway.js';
import { seriesOf } from '../support/gauges.js';
import type { GatewayProcess } from '../support/processes.js';
import { scanKeys } from '../support/scan-keys.js';
import { chaosLab, until, type ChaosLab } from './lab.js';

/**
 * A Redis that answers and refuses, as servers do: both roles say so within seconds, without any request that would meet it, no
 * answer is 500, and work goes on by itself.
 */
const TIMEOUT_MS = 300_000;
/** Seconds are promised; the rest is for a busy machine. */
const SAID_WITHIN_MS = 30_000;
/** Past every lease (600 s). */
const PAST_LEASES_MS = 660_000;
const MODEL = 'gpt-4';
const alice = 'user-1';
let lab: ChaosLab;
let operator: Redis;

beforeAll(async () => {
  lab = await chaosLab(1, { REDIS_TIMEOUT_MS: '5000' }); // a busy machine must not look like a refusal
  operator = new Redis(lab.redis.operatorUrl, { maxRetriesPerRequest: null });
  operator.on('error', () => undefined);
  await lab.proxy.grant(alice, 100, 30);
}, TIMEOUT_MS);
afterAll(async () => {
  operator.disconnect();
  await lab.close();
}, TIMEOUT_MS);

type Checks = Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
const roles = (): readonly GatewayProcess[] => [lab.processes.api, lab.processes.worker];
const checksOf = async (role: GatewayProcess): Promise<Checks> =>
  (await send(`${role.operationsUrl()}/readyz`, 'GET')).body['checks'] as Checks;
const seriesFrom = async (role: GatewayProcess) => seriesOf((await send(`${role.operationsUrl()}/metrics`, 'GET')).text);
const isWell = async (): Promise<boolean> =>
  (await Promise.all(roles().map(checksOf))).every((checks) => Object.values(checks).every(({ ok }) => ok));

type State = {
  readonly check: string;
  /** Part of what `/readyz` says. */
  readonly detail: string;
  /** One series of each role that says it. */
  readonly series: readonly [name: string, value: number];
  readonly refusesHolds: boolean;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
};
const refuses = (reason: string): readonly [string, number] => [`cg_redis_refuses{reason="${reason}"}`, 1];
const config = (name: string, value: string) => (): Promise<unknown> => operator.config('SET', name, value);

const STATES: readonly (readonly [string, State])[] = [
  ['BUSY', {
    check: 'redis', detail: 'busy with a script that takes too long', series: refuses('busy'), refusesHolds: true,
    begin: async () => {
      await operator.config('SET', 'busy-reply-threshold', '50');
      const runs = new Redis(lab.redis.operatorUrl);
      runs.eval('while true do end', 0).catch(() => undefined).finally(() => { runs.disconnect(); });
    },
    end: () => operator.script('KILL'),
  }],
  ['READONLY', {
    check: 'redis', detail: 'read-only: it is a replica', series: refuses('read_only'), refusesHolds: true,
    begin: () => operator.replicaof('127.0.0.1', 1), end: () => operator.replicaof('NO', 'ONE'),
  }],
  ['NOREPLICAS', {
    check: 'redis', detail: 'has too few replicas, and accepts no writes', series: refuses('replicas'), refusesHolds: true,
    begin: config('min-replicas-to-write', '1'), end: config('min-replicas-to-write', '0'),
  }],
  ['MISCONF', {
    check: 'redis', detail: 'cannot write its files, and accepts no writes', series: refuses('disk'), refusesHolds: true,
    begin: failSnapshot, end: config('save', ''),
  }],
  ['OOM', {
    check: 'redis', detail: 'has reached maxmemory: only ends of holds pass', series: refuses('memory'), refusesHolds: true,
    begin: config('maxmemory', '1'), end: config('maxmemory', '0'),
  }],
  ['NOPERM', {
    check: 'redis', detail: 'refuses this user', series: refuses('access'), refusesHolds: true,
    begin: () => operator.call('ACL', 'SETUSER', 'gateway', '-eval', '-evalsha'),
    end: () => operator.call('ACL', 'SETUSER', 'gateway', '+eval', '+evalsha'),
  }],
  ['an eviction policy', {
    check: 'redis_settings', detail: 'maxmemory-policy is allkeys-lru', series: ['cg_redis_unfit{setting="eviction"}', 1],
    refusesHolds: false,
    begin: config('maxmemory-policy', 'allkeys-lru'), end: config('maxmemory-policy', 'noeviction'),
  }],
  ['no append-only file', {
    check: 'redis_settings', detail: 'the append-only file is off', series: ['cg_redis_aof_ok', -1], refusesHolds: false,
    begin: config('appendonly', 'no'), end: config('appendonly', 'yes'),
  }],
];

/** A directory is where the snapshot would be. */
async function failSnapshot(): Promise<void> {
  const [, dir = ''] = await operator.config('GET', 'dir');
  await mkdir(join(dir, 'dump.rdb', 'in-the-way'), { recursive: true });
  await operator.config('SET', 'save', '3600 1');
  await until('a snapshot that failed', async () => {
    await operator.bgsave().catch(() => undefined); // one may be in progress
    return (await operator.info('persistence')).includes('rdb_last_bgsave_status:err');
  });
}

test.each(STATES)('%s', async (_, { check, detail, series: [name, value], refusesHolds, begin, end }) => {
  await until('all is well', isWell);
  const session = await lab.proxy.open(alice, MODEL, 1_000);
  await begin();
  try {
    for (const role of roles()) {
      await until(`${role.role} says it`, async () => {
        const said = (await checksOf(role))[check];
        return said?.ok === false && said.detail.includes(detail);
      }, SAID_WITHIN_MS);
      await until(`${role.role} measures it`, async () => (await seriesFrom(role)).get(name) === value);
    }
    if (refusesHolds) {
      expect(await lab.client.once({
        method: 'POST', path: '/api/streaming-sessions/initialize', token: lab.tokenOf(alice), isRepeatable: true,
        body: { sessionId: `refused-${name}`, modelId: MODEL, estimatedTokens: 100 },
      })).toMatchObject({ status: 503, retryAfter: '1' });
    } else {
      expect(await lab.proxy.open(alice, MODEL, 100)).not.toBeNull();
    }
  } finally {
    await end();
  }
  await until('all is well again', isWell);
  if (session !== null) await lab.proxy.end(session, 'completed', 500);
}, TIMEOUT_MS);

test('SCRIPT FLUSH: no operation notices', async () => {
  const flushes = async (): Promise<void> => { for (let count = 0; count < 20; count += 1) await operator.script('FLUSH'); };
  const { client: { traffic }, proxy } = lab;
  const retries = traffic.retries;
  await Promise.all([...Array.from({ length: 40 }, () => proxy.charge(alice, 0.01, true)), flushes()]);
  expect([traffic.retries - retries, proxy.told.surprises]).toEqual([0, []]);
}, TIMEOUT_MS);

test("BullMQ's keys are wiped: schedules come back, the drain and the ends of leases go on", async () => {
  const { proxy, processes, books } = lab;
  await proxy.open(alice, MODEL, 1_000); // nothing but the sweep ends it
  const keys = await scanKeys(operator, `${queuePrefix(processes.namespace)}*`);
  expect(keys.length).toBeGreaterThan(10);
  await operator.del(...keys);
  await processes.advance(PAST_LEASES_MS);
  await books.settled();
  expect(await isWell()).toBe(true);
}, TIMEOUT_MS);

test('the books balance', async () => {
  expect(await lab.wrongs()).toEqual([]);
}, TIMEOUT_MS);
