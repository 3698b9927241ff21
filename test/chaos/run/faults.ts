import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  breakage, CALM_MS, ofServer, processFaults, SETTLE_MS, within, type Fault, type FaultDeps, type Faults, type Target,
} from './breakage.js';
import { tapJournal, type Tap } from './journal-tap.js';
import { causedBy, type LosingTime } from './named-losses.js';
import type { RedisPair } from './redis-pair.js';

/** Faults of one Redis with a replica. */
export function faults(deps: FaultDeps<RedisPair>): Faults {
  const { stage, random, note } = deps;
  const breaking = breakage(deps);
  const { count, free, kill, pause } = breaking;
  const taps: Tap[] = [];
  const times: LosingTime[] = [];
  /** Notes when Redis may lose something: as long as the work lasts, entries may still be written. */
  const during: During = async (work) => {
    const time = { fromMs: Date.now(), untilMs: Infinity };
    times.push(time);
    const result = await work();
    time.untilMs = Date.now();
    return result;
  };
  const healed = async (): Promise<void> => {
    await breaking.mended();
    await copied(stage);
  };
  const calm = async (): Promise<void> => {
    await healed();
    await sleep(CALM_MS);
  };
  const redis: Target = {
    ...ofServer('redis', stage.redis),
    kill: () => during(() => stage.redis().kill('SIGKILL')),
  };
  const losing = losses({ ...deps, taps, during, count, calm });
  const all: Readonly<Record<string, Fault>> = {
    ...processFaults(deps, breaking, [redis]),
    'kill-redis': () => kill([redis]),
    'pause-redis': () => { pause([redis]); },
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
    ...(stage.fsync === null ? {} : { 'slow-fsync': () => losing.slowFsync(false), 'slow-fsync-kill': () => losing.slowFsync(true) }),
    'wipe': losing.wipe,
    'empty-restart': losing.emptyRestart,
    'failover': losing.failover,
  };
  return {
    names: Object.keys(all), losing: LOSING, counts: breaking.counts, taps, healed,
    mayCause: causedBy(times),
    async inject(name) { await all[name]?.(); },
  };
}

const LOSING: ReadonlySet<string> = new Set(['slow-fsync-kill', 'wipe', 'empty-restart', 'failover']);

type During = <Result>(work: () => Promise<Result>) => Promise<Result>;

type LosingDeps = FaultDeps<RedisPair> & {
  readonly taps: Tap[]; readonly during: During; readonly count: (name: string) => void; readonly calm: () => Promise<void>;
};

/**
 * Faults by which Redis loses what it has acknowledged. They begin when all is well, and end when the loss has been judged: a
 * process that is killed in between takes with it what was acknowledged to it since the last beat, and the loss is counted too low.
 */
function losses({ stage, keys, random, note, serving, taps, during, count, calm }: LosingDeps) {
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
      taps.push(...await during(() => tapJournal(stage.direct(stage.redis()), keys, { thenFlush: true, isFinal: true })));
      if (random.chance(0.5)) connect(); // the gateway notices by its connections, or by its fence
      await serving();
    },
    emptyRestart: async (): Promise<void> => {
      await calm();
      note('Redis restarts with an empty disk');
      count('empty restart');
      await during(cut);
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
      await during(() => {
        stage.promote();
        return sleep(SETTLE_MS);
      });
      taps.push(...await tapJournal(stage.direct(former), keys, { isFinal: true }));
      await former.kill('SIGKILL');
      await former.restart();
      await stage.resetReplica();
      await serving();
    },
    slowFsync: slowFsyncFault({ stage, keys, random, note, serving, taps, during, count, calm }),
  };
}

/** Every fsync takes long. `kills`: Redis is killed while it lags behind its own disk, which loses what it has acknowledged. */
function slowFsyncFault({ stage, keys, random, note, serving, taps, during, count, calm }: LosingDeps) {
  return async (kills: boolean): Promise<void> => {
    if (kills) await calm();
    const ms = random.integer(800, 3_000);
    note(`fsync takes ${ms} ms${kills ? ', then kill -9 redis' : ''}`);
    count(kills ? 'kill redis with slow fsync' : 'slow fsync');
    stage.fsync?.set(ms);
    await sleep(random.integer(2_000, 5_000));
    if (kills) {
      await during(async () => {
        taps.push(...await tapJournal(stage.direct(stage.redis()), keys, { isFinal: false }));
        await stage.redis().kill('SIGKILL');
      });
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

const COPIED_TIMEOUT_MS = 60_000;

/** Resolves when the replica has all that the master has. */
async function copied(stage: RedisPair): Promise<void> {
  const replica = stage.direct(stage.replica());
  const deadline = Date.now() + COPIED_TIMEOUT_MS;
  while (!(await replica.info('replication')).includes('master_link_status:up')) {
    if (Date.now() > deadline) throw new Error('the replica does not copy the master any more');
    await sleep(50);
  }
}
