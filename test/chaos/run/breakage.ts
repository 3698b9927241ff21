import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedServer } from '../../../src/stores/embedded/embedded-server.js';
import type { Keyspace } from '../../../src/ledger/keys.js';
import type { Random } from '../../support/random.js';
import type { Tap } from './journal-tap.js';
import type { Member } from './member.js';
import type { GatewayStage } from './stage.js';
import type { LossRow } from './told-books.js';

/** Something that can be killed and paused. */
export type Target = {
  readonly name: string;
  readonly isRunning: () => boolean;
  kill(): Promise<void>;
  restart(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): unknown;
};

export type Faults = {
  readonly names: readonly string[];
  /** Names of those by which Redis loses what it has acknowledged. */
  readonly losing: ReadonlySet<string>;
  /** Injects one. What it broke may be mended later, while others are injected. */
  inject(name: string): Promise<void>;
  /** Resolves when all is mended: everything runs, and copies what it shall copy. */
  healed(): Promise<void>;
  /** How often each was injected, by name and target. */
  readonly counts: ReadonlyMap<string, number>;
  /** The journals that were lost with a Redis, each as it was then. */
  readonly taps: readonly Tap[];
  /** Whether a fault may have caused this loss: its shard, at its time. */
  readonly mayCause: (loss: LossRow) => boolean;
};

export type FaultDeps<Redis> = {
  readonly stage: GatewayStage & Redis;
  readonly keys: Keyspace;
  readonly random: Random;
  readonly note: (line: string) => void;
  /** Resolves when every API answers for every account. */
  readonly serving: () => Promise<void>;
};

type BreakageDeps = Pick<FaultDeps<unknown>, 'random' | 'note'>;

/** Kills and pauses, and what of it is not mended yet. */
export type Breakage = {
  readonly counts: ReadonlyMap<string, number>;
  readonly count: (name: string) => void;
  /** Those that run and are not broken. */
  readonly free: (targets: readonly Target[]) => Target[];
  /** kill -9, and a start after a while. Resolves when they are gone. */
  readonly kill: (targets: readonly Target[]) => Promise<void>;
  readonly pause: (targets: readonly Target[], maxMs?: number) => void;
  /** Resolves when nothing is broken. */
  readonly mended: () => Promise<void>;
};

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 6_000;
const RESTART_MS_MAX = 10_000;
/** Longer than the beat by which processes tell Postgres what Redis has acknowledged to them. */
export const CALM_MS = 2_500;
/** For what the kernel has of connections that were just cut. */
export const SETTLE_MS = 150;

export function breakage({ random, note }: BreakageDeps): Breakage {
  const counts = new Map<string, number>();
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
  return {
    counts, count, free,
    async kill(targets) {
      await Promise.all(free(targets).map(async (target) => {
        const ms = delayMs();
        note(`kill -9 ${target.name}, restart after ${ms} ms`);
        await target.kill();
        hurt(target, `kill ${target.name}`, async () => {
          await sleep(ms);
          await target.restart();
        });
      }));
    },
    pause(targets, maxMs = PAUSE_MS_MAX) {
      for (const target of free(targets)) {
        const ms = random.integer(PAUSE_MS_MIN, maxMs);
        note(`pause ${target.name} for ${ms} ms`);
        target.signal('SIGSTOP');
        hurt(target, `pause ${target.name}`, async () => {
          await sleep(ms);
          await target.signal('SIGCONT');
        });
      }
    },
    async mended() { while (broken.size > 0) await Promise.allSettled(broken.values()); },
  };
}

export type Fault = () => Promise<void> | void;

/** Faults of the gateway's processes and of Postgres, whatever Redis is. `servers`: those of Redis. */
export function processFaults(
  { stage, random, note }: Pick<FaultDeps<unknown>, 'stage' | 'random' | 'note'>, { count, free, kill, pause }: Breakage,
  servers: readonly Target[],
): Readonly<Record<string, Fault>> {
  const apis = stage.apis.map(ofMember);
  const workers = stage.workers.map(ofMember);
  const postgres = ofServer('postgres', () => stage.postgres);
  const one = (targets: readonly Target[]): readonly Target[] => [random.pick(targets)];
  return {
    'kill-api': () => kill(one(apis)),
    'kill-worker': () => kill(one(workers)),
    'kill-workers': () => kill(workers),
    'kill-postgres': () => kill([postgres]),
    'kill-everything': () => kill([...apis, ...workers, ...servers, postgres]),
    'pause-api': () => { pause(one(apis)); },
    'pause-worker': () => { pause(one(workers)); },
    'pause-postgres': () => { pause([postgres]); },
    'terminate-backends': async () => {
      if (free([postgres]).length === 0) return;
      note('every backend of Postgres is terminated');
      count('backends terminated');
      await terminateBackends(stage.postgres.adminUrl);
    },
  };
}

const ofMember = (member: Member): Target => ({
  name: member.name, isRunning: member.isRunning, kill: () => member.kill(), restart: () => member.start(),
  signal: (signal) => { member.signal(signal); },
});

export const ofServer = (name: string, server: () => EmbeddedServer): Target => ({
  name, isRunning: () => server().isRunning(), kill: () => server().kill('SIGKILL'), restart: () => server().restart(),
  signal: (signal) => server().kill(signal),
});

const ANSWER_MS = 5_000;

/** What a server that was just paused does not answer is not waited for. */
export async function within(work: Promise<unknown>): Promise<void> {
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
