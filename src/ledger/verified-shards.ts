import type { ServerIdentity } from '../stores/redis/server-identity.js';
import type { ShardUse } from './shard-store.js';
import { fenceText, shardVerifier, type VerifyDeps } from './verify-shards.js';

/** The text that scripts compare with the fence key, and the epoch that keys carry. */
export type Epoch = { readonly number: number; readonly fence: string };

/** The shards of this process, each with the connection to Redis on which it was verified. */
export type VerifiedShards = {
  /** Null unless the shard was verified on its current connection. */
  readonly epochOf: (shard: number) => Epoch | null;
  readonly fenceKeyOf: (shard: number) => string;
  /** Verifies every shard that is connected to a server and not verified on it. Throws when one could not be verified. */
  readonly verify: () => Promise<void>;
  /** Closes a shard until it is verified again. False: it was closed. */
  readonly forget: (shard: number) => boolean;
  readonly isOpen: () => boolean;
  readonly isEachVerifiedOnce: () => boolean;
  /** Whether a shard has a loss and cannot be drained, or is on a deposed server. */
  readonly hasStuck: () => boolean;
  /** The open shards whose server tells which master it is. */
  readonly uses: () => readonly ShardUse[];
  readonly close: () => void;
};

type Shard = { readonly shard: number; readonly fenceKey: string; epoch: Epoch | null; verifiedOn: number | null; server: string | null;
  replicationId: string | null; };
type Due = { readonly known: Shard; readonly connection: number; readonly server: ServerIdentity };

/** Notes that a shard is verified on its connection, if that did not change meanwhile: then it is verified again. */
function accept(redis: VerifyDeps['redis'], { known, connection, server }: Due): void {
  if (redis.connectionOf(known.fenceKey) !== connection) return;
  known.server = server.name;
  known.replicationId = server.replicationId;
  known.verifiedOn = connection;
}

export function verifiedShards(deps: VerifyDeps): VerifiedShards {
  const { redis, store, keys, log } = deps;
  const verifier = shardVerifier(deps);
  const shards = Array.from({ length: keys.shards }, (_, shard): Shard => ({
    shard, fenceKey: keys.fence(shard), epoch: null, verifiedOn: null, server: null, replicationId: null,
  }));

  const epochOf = (shard: number): Epoch | null => {
    const known = shards[shard];
    if (known?.verifiedOn == null) return null;
    return redis.connectionOf(known.fenceKey) === known.verifiedOn ? known.epoch : null;
  };

  const verifyTogether = async (due: readonly Due[]): Promise<void> => {
    // A connection that was lost and came back to the same server needs no verification: nothing else wrote to that server
    // but what scripts allowed.
    const unverified = due.filter(({ known, server }) => known.epoch === null || known.server !== server.name);
    const isNew = unverified.some(({ known, server }) => known.server !== server.name);
    for (const { known } of unverified) known.server = null; // until it is verified
    for (const each of due) if (!unverified.includes(each)) accept(redis, each);
    const undecided = new Map(unverified.map((each) => [each.known.shard, each]));
    // A shard is used from its decision on: others may have to wait for locks.
    const decided = (shard: number, number: number | null): void => {
      const each = undecided.get(shard);
      if (each === undefined || !undecided.delete(shard)) return;
      each.known.epoch = number === null ? null : { number, fence: fenceText(number, store) };
      accept(redis, each);
    };
    const failure = unverified.length === 0 ? null
      : await verifier.verify(new Map(unverified.map(({ known, server }) => [known.shard, server])), decided)
        .then(() => null, (error: unknown) => error as Error);
    const opened = unverified.length - undecided.size;
    if (isNew && opened > 0) log.info({ runId: [...new Set(due.map(({ server }) => server.name))].join(), shards: opened }, 'ledger open');
    if (failure !== null) throw failure;
  };

  return {
    epochOf,
    fenceKeyOf: (shard) => shards[shard]?.fenceKey ?? '',
    async verify() {
      const due = shards.flatMap((known) => {
        const connection = redis.connectionOf(known.fenceKey);
        return connection === null || (connection === known.verifiedOn && known.epoch !== null) ? [] : [{ known, connection }];
      });
      if (due.length === 0) return;
      const servers = await redis.serversOf(due.map(({ known }) => known.fenceKey));
      const answering = due.flatMap((each, index): Due[] => {
        const server = servers[index] ?? null;
        return server === null ? [] : [{ ...each, server }];
      });
      // The shards of each server apart: a server that does not answer keeps no others closed.
      const results = await Promise.allSettled(redis.byServer(answering, ({ known }) => known.fenceKey).map(verifyTogether));
      const failed = results.find((each) => each.status === 'rejected');
      if (failed !== undefined) throw failed.reason as Error;
      if (answering.length < due.length) throw new Error('a server of Redis does not answer');
    },
    forget: (shard) => {
      const known = shards[shard];
      if (known?.epoch == null) return false;
      known.epoch = null;
      return true;
    },
    isOpen: () => shards.every(({ shard }) => epochOf(shard) !== null),
    isEachVerifiedOnce: () => shards.every(({ verifiedOn }) => verifiedOn !== null),
    hasStuck: () => verifier.hasStuck(),
    uses: () => shards.flatMap(({ shard, replicationId }) => (
      replicationId === null || epochOf(shard) === null ? [] : [{ shard, replicationId }])),
    close: () => { for (const known of shards) known.verifiedOn = null; },
  };
}
