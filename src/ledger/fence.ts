import { atMostEvery } from '../kit/at-most-every.js';
import { repeatUntilDone } from './repeat-until-done.js';
import { verifiedShards, type Epoch } from './verified-shards.js';
import type { VerifyDeps } from './verify-shards.js';

/**
 * Decides, per shard, whether Redis may be used, and under which epoch (docs/architecture.md#when-things-fail).
 *
 * No process may write to a Redis that has lost entries which Postgres has: its accounts would spend credits twice. So
 * after every connection to an unverified server, the stream of each shard that it has is compared with the cursor in
 * Postgres, and with what Redis is known to have acknowledged beyond it, before any operation on the shard passes. If a
 * stream is behind, the epoch is raised: the rest of the stream is drained, then the epoch grows in Postgres, then in
 * Redis; the new epoch starts empty, and accounts load from Postgres on their next use. The loss is recorded with the old
 * epoch. In a Cluster this concerns the shards of one server; the others stay open.
 */
export interface Fence {
  /** The text scripts compare with the fence key, and the epoch that keys carry; null while the shard is closed. */
  epochOf(shard: number): Epoch | null;
  /** Called when a script met another fence: closes the shard until it has been checked again. */
  suspect(shard: number): void;
  /** True while every shard is verified on its current connection. */
  isOpen(): boolean;
  /** Resolves when every shard has been checked once; one that may not be used stays closed. */
  opened(): Promise<void>;
  close(): void;
}

export type { Epoch } from './verified-shards.js';

export type FenceDeps = VerifyDeps;

/** How often the fences are checked, for processes that run no scripts, which would notice a raised one. */
const LOOK_EVERY_MS = 1_000;
/** How often other processes are told which shards are in use, and this one learns which of them are on a replaced master. */
const TELL_EVERY_MS = 5_000;
/** Delay between attempts while Redis or Postgres does not answer. */
const RETRY_MS = 200;
/** How often failed attempts are logged. */
const REPORT_EVERY_MS = 5_000;

export function fence(deps: FenceDeps): Fence {
  const { redis, keys, log, store } = deps;
  const verified = verifiedShards(deps);
  const { epochOf, fenceKeyOf } = verified;
  let markOpened: () => void;
  const firstOpen = new Promise<void>((resolve) => { markOpened = resolve; });

  const verifying = repeatUntilDone(async () => {
    await verified.verify().finally(() => { if (verified.isEachVerifiedOnce()) markOpened(); });
  }, RETRY_MS, atMostEvery(REPORT_EVERY_MS, (error) => {
    log.error({ err: error }, 'cannot verify Redis against Postgres yet; refusing operations until it is possible');
  }));
  const unsubscribe = redis.onConnection({ ready: verifying.again });
  verifying.again();

  const suspect = (shard: number): void => {
    if (verified.forget(shard)) verifying.again();
  };

  /** Another process may have raised an epoch: a worker that only uses indexes of the old one would not notice. */
  const look = async (): Promise<void> => {
    const open = Array.from({ length: keys.shards }, (_, shard) => ({ shard, epoch: epochOf(shard) }))
      .filter(({ epoch }) => epoch !== null);
    await Promise.allSettled(redis.byServer(open, ({ shard }) => fenceKeyOf(shard)).map(async (group) => {
      const found = await redis.readTexts(group.map(({ shard }) => fenceKeyOf(shard)));
      // A shard that was verified meanwhile has another epoch than the one that was asked about.
      group.forEach(({ shard, epoch }, index) => { if (epochOf(shard) === epoch && epoch?.fence !== found[index]) suspect(shard); });
    }));
    // Shards are resumed elsewhere, and no script reports it.
    if (verified.hasStuck()) verifying.again();
  };
  const tell = async (): Promise<void> => { for (const shard of await store.use(verified.uses())) suspect(shard); };
  const telling = setInterval(() => { tell().catch(() => undefined); }, TELL_EVERY_MS).unref(); // Postgres is down
  const looking = setInterval(() => { void look(); }, LOOK_EVERY_MS).unref();

  return {
    epochOf,
    suspect,
    isOpen: verified.isOpen,
    opened: () => firstOpen,
    close: () => {
      clearInterval(looking);
      clearInterval(telling);
      unsubscribe();
      verifying.stop();
      verified.close();
    },
  };
}
