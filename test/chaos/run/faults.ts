import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedServer } from '../../../src/stores/embedded/embedded-server.js';
import type { Keyspace } from '../../../src/ledger/keys.js';
import type { Random } from '../../support/random.js';
import { tapJournal, type Tap } from './journal-tap.js';
import type { Member } from './member.js';
import type { Stage } from './stage.js';

/** Faults by which Redis loses what it has acknowledged. */
export const LOSING: ReadonlySet<string> = new Set(['slow-fsync-kill', 'wipe', 'empty-restart', 'failover']);

/** Something that can be killed and paused. */
type Target = {
  readonly name: string;
  readonly isRunning: () => boolean;
  kill(): Promise<void>;
  restart(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): unknown;
};

export type FaultDeps = {
  readonly stage: Stage;
  readonly keys: Keyspace;
  readonly random: Random;
  readonly note: (line: string) => void;
  /** Resolves when every API answers for every account. */
  readonly serving: () => Promise<void>;
};

export type Faults = {
  readonly names: readonly string[];
  /** Injects one. What it broke may be mended later, while others are injected. */
  inject(name: string): Promise<void>;
  /** Resolves when all is mended: everything runs, and copies what it shall copy. */
  healed(): Promise<void>;
  /** How often each was injected, by name and target. */
  readonly counts: ReadonlyMap<string, number>;
  /** The journals that were lost with a Redis, each as it was then. */
  readonly taps: readonly Tap[];
  /** When each fault began by which Redis may lose something. */
  readonly redisFaultsMs: readonly number[];
};

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 6_000;
const RESTART_MS_MAX = 10_000;
/** Longer than the beat by which processes tell Postgres what Redis has acknowledged to them. */
const CALM_MS = 2_500;
/** For what the kernel has of connections that were just cut. */
const SETTLE_MS = 150;

export function faults(deps: FaultDeps): Faults {
  const { stage, random, note } = deps;
  const counts = new Map<string, number>();
  const taps: Tap[] = [];
  const redisFaultsMs: number[] = [];
  /** Targets that are broken now, with the promise of their repair. */
  const broken = new Map<string, Promise<void>>();
  const count = (name: string): void => { counts.set(name, (counts.get(name) ?? 0) + 1); };

  const hurt = (target: Target, what: string, work: () => Promise<void>): void => {
    count(what);
    const mended = work().finally(() => { broken.delete(target.name); });
    mended.catch((error: unknown) => { note(`${what}: ${String(error)}`); });
    broken.set(target.name, mended);
  };
  const free = (targets: readonly Target[]): Target[] => targets.filter(({ name, isRunning }) => !broken.has(name) && isRunning());
  const delayMs = (): number => (random.chance(0.3) ? 0 : Math.round(RESTART_MS_MAX * random.next() ** 2));

  const kill = async (targets: readonly Target[]): Promise<void> => {
    await Promise.all(free(targets).map(async (target) => {
      const ms = delayMs();
      note(`kill -9 ${target.name}, restart after ${ms} ms`);
      if (target === redis) redisFaultsMs.push(Date.now());
      await target.kill();
      hurt(target, `kill ${target.name}`, async () => {
        await sleep(ms);
        await target.restart();
      });
    }));
  };
  const pause = (targets: readonly Target[]): void => {
    for (const target of free(targets)) {
      const ms = random.integer(PAUSE_MS_MIN, PAUSE_MS_MAX);
      note(`pause ${target.name} for ${ms} ms`);
      target.signal('SIGSTOP');
      hurt(target, `pause ${target.name}`, async () => {
        await sleep(ms);
        await target.signal('SIGCONT');
      });
    }
  };

  const healed = async (): Promise<void> => {
    while (broken.size > 0) await Promise.allSettled(broken.values());
    await copied(stage);
  };
  const calm = async (): Promise<void> => {
    await healed();
    await sleep(CALM_MS);
  };

  const apis = stage.apis.map(ofMember);
  const workers = stage.workers.map(ofMember);
  const redis = ofServer('redis', stage.redis);
  const postgres = ofServer('postgres', () => stage.postgres);
  const one = (targets: readonly Target[]): readonly Target[] => [random.pick(targets)];
  const losing = losses({ ...deps, taps, redisFaultsMs, count, calm });

  const all: Readonly<Record<string, () => Promise<void> | void>> = {
    'kill-api': () => kill(one(apis)),
    'kill-worker': () => kill(one(workers)),
    'kill-workers': () => kill(workers),
    'kill-redis': () => kill([redis]),
    'kill-postgres': () => kill([postgres]),
    'kill-everything': () => kill([...apis, ...workers, redis, postgres]),
    'pause-api': () => { pause(one(apis)); },
    'pause-worker': () => { pause(one(workers)); },
    'pause-redis': () => { pause([redis]); },
    'pause-postgres': () => { pause([postgres]); },
    'lost-replies': () => {
      const ms = random.integer(50, 1_500);
      note(`replies of Redis are lost for ${ms} ms`);
      count('replies lost');
      random.pick(stage.proxies).swallow(ms);
    },
    'script-flush': async () => {
      if (free([redis]).length === 0) return;
      note('SCRIPT FLUSH');
      count('script flush');
      await within(stage.direct(stage.redis()).script('FLUSH'));
    },
    'terminate-backends': async () => {
      if (free([postgres]).length === 0) return;
      note('every backend of Postgres is terminated');
      count('backends terminated');
      await terminateBackends(stage.postgres.adminUrl);
    },
    ...(stage.fsync === null ? {} : { 'slow-fsync': () => losing.slowFsync(false), 'slow-fsync-kill': () => losing.slowFsync(true) }),
    'wipe': losing.wipe,
    'empty-restart': losing.emptyRestart,
    'failover': losing.failover,
  };
  return {
    names: Object.keys(all), counts, taps, redisFaultsMs, healed,
    async inject(name) { await all[name]?.(); },
  };
}

type LosingDeps = FaultDeps & {
  readonly taps: Tap[]; readonly redisFaultsMs: number[]; readonly count: (name: string) => void; readonly calm: () => Promise<void>;
};

/**
 * Faults by which Redis loses what it has acknowledged. They begin when all is well, and end when the loss has been judged: a
 * process that is killed in between takes with it what was acknowledged to it since the last beat, and the loss is counted too low.
 */
function losses({ stage, keys, random, note, serving, taps, redisFaultsMs, count, calm }: LosingDeps) {
  const cut = async (): Promise<void> => {
    for (const proxy of stage.proxies) proxy.retarget(1); // nothing listens there
    await sleep(SETTLE_MS);
  };
  const connect = (): void => { for (const proxy of stage.proxies) proxy.retarget(stage.redis().port); };

  return {
    wipe: async (): Promise<void> => {
      await calm();
      note('FLUSHALL');
      count('wipe');
      redisFaultsMs.push(Date.now());
      taps.push(...await tapJournal(stage.direct(stage.redis()), keys, { thenFlush: true, isFinal: true }));
      if (random.chance(0.5)) connect(); // the gateway notices by its connections, or by its fence
      await serving();
    },
    emptyRestart: async (): Promise<void> => {
      await calm();
      note('Redis restarts with an empty disk');
      count('empty restart');
      redisFaultsMs.push(Date.now());
      await cut();
      const direct = stage.direct(stage.redis());
      taps.push(...await tapJournal(direct, keys, { isFinal: true }));
      const [, dir = ''] = await direct.config('GET', 'dir');
      await stage.redis().kill('SIGKILL');
      rmSync(`${dir}/appendonlydir`, { recursive: true, force: true });
      await stage.redis().restart();
      connect();
      await serving();
    },
    failover: async (): Promise<void> => {
      await calm();
      const lagMs = random.integer(300, 4_000);
      note(`failover to a replica that lags by ${lagMs} ms`);
      count('failover');
      await stage.direct(stage.replica()).replicaof('NO', 'ONE');
      await sleep(lagMs);
      const former = stage.redis();
      redisFaultsMs.push(Date.now());
      stage.promote();
      await sleep(SETTLE_MS);
      taps.push(...await tapJournal(stage.direct(former), keys, { isFinal: true }));
      await former.kill('SIGKILL');
      await former.restart();
      await stage.resetReplica();
      await serving();
    },
    slowFsync: slowFsyncFault({ stage, keys, random, note, serving, taps, redisFaultsMs, count, calm }),
  };
}

/** Every fsync takes long. `kills`: Redis is killed while it lags behind its own disk, which loses what it has acknowledged. */
function slowFsyncFault({ stage, keys, random, note, serving, taps, redisFaultsMs, count, calm }: LosingDeps) {
  return async (kills: boolean): Promise<void> => {
    if (kills) await calm();
    const ms = random.integer(800, 3_000);
    note(`fsync takes ${ms} ms${kills ? ', then kill -9 redis' : ''}`);
    count(kills ? 'kill redis with slow fsync' : 'slow fsync');
    stage.fsync?.set(ms);
    await sleep(random.integer(2_000, 5_000));
    if (kills) {
      redisFaultsMs.push(Date.now());
      taps.push(...await tapJournal(stage.direct(stage.redis()), keys, { isFinal: false }));
      await stage.redis().kill('SIGKILL');
    }
    stage.fsync?.set(0);
    if (!kills) {
      await sleep(ms); // the last slow one ends; what follows is to lose nothing
      return;
    }
    await stage.redis().restart();
    await serving();
  };
}

const ofMember = (member: Member): Target => ({
  name: member.name, isRunning: member.isRunning, kill: () => member.kill(), restart: () => member.start(),
  signal: (signal) => { member.signal(signal); },
});

const ofServer = (name: string, server: () => EmbeddedServer): Target => ({
  name, isRunning: () => server().isRunning(), kill: () => server().kill('SIGKILL'), restart: () => server().restart(),
  signal: (signal) => server().kill(signal),
});

const ANSWER_MS = 5_000;

/** What a server that was just paused does not answer is not waited for. */
async function within(work: Promise<unknown>): Promise<void> {
  await Promise.race([work.catch(() => undefined), sleep(ANSWER_MS)]);
}

async function terminateBackends(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWER_MS, query_timeout: ANSWER_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where backend_type = \'client backend\' and pid <> pg_backend_pid()',
    );
  } catch {
    // it is being killed or paused itself
  } finally {
    await client.end().catch(() => undefined);
  }
}

const COPIED_TIMEOUT_MS = 60_000;

/** Resolves when the replica has all that the master has. */
async function copied(stage: Stage): Promise<void> {
  const replica = stage.direct(stage.replica());
  const deadline = Date.now() + COPIED_TIMEOUT_MS;
  while (!(await replica.info('replication')).includes('master_link_status:up')) {
    if (Date.now() > deadline) throw new Error('the replica does not copy the master any more');
    await sleep(50);
  }
}
