import { verifiedConnection } from './verified-connection.js';
import { fenceText, shardVerifier, type VerifyDeps } from './verify-shards.js';

/**
 * Decides, per shard, whether Redis may be used, and under which epoch (docs/architecture.md#when-things-fail).
 *
 * No process may write to a Redis that has lost entries which Postgres has: its accounts would spend credits twice. So
 * after every connection to an unverified server, each shard's stream is compared with the cursor in Postgres, and with
 * what Redis is known to have acknowledged beyond it, before any operation passes. If a stream is behind, the epoch is
 * raised: the rest of the stream is drained, then the epoch grows in Postgres, then in Redis; the new epoch starts empty,
 * and accounts load from Postgres on their next use. The loss is recorded with the old epoch.
 */
export interface Fence {
  /** The text scripts compare with the fence key, and the epoch that keys carry; null while the shard is closed. */
  epochOf(shard: number): Epoch | null;
  /** Called when a script met another fence: closes the shard until it has been checked again. */
  suspect(shard: number): void;
  /** True once every shard was verified on the current connection. */
  isOpen(): boolean;
  /** Resolves when all shards are open for the first time. */
  opened(): Promise<void>;
  close(): void;
}

export type Epoch = { readonly number: number; readonly fence: string };

export type FenceDeps = VerifyDeps;

/** How often the fences are checked, for processes that run no scripts, which would notice a raised one. */
const LOOK_EVERY_MS = 1_000;

export function fence(deps: FenceDeps): Fence {
  const { redis, store, keys, log } = deps;
  const epochs = new Array<Epoch | null>(keys.shards).fill(null);
  const fenceKeys = epochs.map((_, shard) => keys.fence(shard));
  const verifier = shardVerifier(deps);
  /** The server of each shard at the last verification. */
  let verified: readonly string[] = [];

  const verify = async (isCurrent: () => boolean): Promise<void> => {
    const servers = await redis.serversOf(fenceKeys);
    const isNew = servers.some((server, shard) => server !== verified[shard]);
    if (isNew || epochs.includes(null)) {
      await verifier.verify((shard, number) => { epochs[shard] = number === null ? null : { number, fence: fenceText(number, store) }; });
    }
    if (!isCurrent()) return;
    verified = servers;
    if (isNew) log.info({ runId: [...new Set(servers)].join(), shards: keys.shards }, 'ledger open');
  };

  const connection = verifiedConnection({
    redis, verify,
    onError: (error) => {
      log.error({ err: error }, 'cannot verify Redis against Postgres yet; refusing operations until it is possible');
    },
  });

  const suspect = (shard: number): void => {
    if (epochs[shard] === null) return;
    epochs[shard] = null;
    connection.verifyAgain();
  };

  /** Another process may have raised an epoch: a worker that only uses indexes of the old one would not notice. */
  const look = async (): Promise<void> => {
    if (!connection.isOpen()) return;
    const mine = connection.generation();
    const found = await redis.readTexts(fenceKeys);
    if (mine !== connection.generation()) return;
    found.forEach((text, shard) => { if (epochs[shard]?.fence !== text) suspect(shard); });
    // Shards are resumed elsewhere, and no script reports it.
    if (verifier.hasStuck()) connection.verifyAgain();
  };
  // After a failed check the next one follows, or the reconnection.
  const looking = setInterval(() => { look().catch(() => undefined); }, LOOK_EVERY_MS).unref();

  return {
    epochOf: (shard) => (connection.isOpen() ? (epochs[shard] ?? null) : null),
    suspect,
    isOpen: () => connection.isOpen() && !epochs.includes(null),
    opened: () => connection.opened(),
    close: () => {
      clearInterval(looking);
      connection.close();
    },
  };
}
