import type { ServerIdentity } from '../stores/redis/server-identity.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import type { Acknowledged } from './acknowledged.js';
import { judgeShard, lossBeyondCursor, windowOf, type Judgement, type Loss, type ShardRow } from './judge-shard.js';
import type { Keyspace } from './keys.js';
import type { ShardStore } from './shard-store.js';
import { atMsOf } from './stream-position.js';

export type VerifyDeps = {
  readonly redis: ShardedRedis;
  readonly store: ShardStore;
  readonly keys: Keyspace;
  /** The acknowledgements that this process got from Redis. */
  readonly acknowledged: Acknowledged;
  /** Drains the rest of a shard's stream. False: the shard is stopped. */
  readonly drainShard: (shard: number) => Promise<boolean>;
  /** How long a replaced master is refused although no process uses the one that replaced it. */
  readonly unusedMs?: number;
  readonly log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
};

/** Longer than processes take to tell that they use a shard, and to come back after a failover. */
const UNUSED_MS = 60_000;

export type ShardVerifier = {
  /**
   * Compares these shards, each on its server, and repairs them if possible. Reports each decision: the shard's epoch, or null, which
   * keeps it closed. Throws when some could not be compared; the others are decided then, so that few answers in time open few
   * shards, not none.
   */
  verify(servers: ReadonlyMap<number, ServerIdentity>, decided: (shard: number, epoch: number | null) => void): Promise<void>;
  /** Whether a shard has a loss and cannot be drained, or is on a deposed server: it is checked again, because that may end. */
  hasStuck(): boolean;
};

/** The value of an open shard's fence key: the epoch and the ledger's identity. */
export const fenceText = (epoch: number, { ledgerId }: Pick<ShardStore, 'ledgerId'>): string => `${epoch}@${ledgerId}`;

/** Makes every shard usable, or reports why it stays closed (fence.ts). */
export function shardVerifier(deps: VerifyDeps): ShardVerifier {
  const { store, acknowledged, drainShard, log } = deps;
  const stuck = stuckShards();

  /** Opens one shard under its row lock, so that no drain is in progress and no other process decides. */
  const repair = async (shard: number, server: ServerIdentity | undefined): Promise<number | null> => {
    const { judgement, epoch } = await decide(deps, shard, server, {
      judge: (row) => judgeOn(deps, row, server), stuckMs: stuck.sinceMs(shard, server?.replicationId ?? null),
    });
    switch (judgement.verdict) {
      case 'open':
      case 'set':
        stuck.delete(shard);
        // Another process may have ended the epoch while this one waited for the lock.
        await reportOlder(deps, { shard, epoch });
        acknowledged.seen(shard, epoch, judgement.stream);
        return epoch;
      case 'raise':
        acknowledged.forget(shard, epoch);
        tellRaised(log, judgement.loss);
        return repair(shard, server);
      case 'drain':
        if (await drainShard(shard)) return repair(shard, server);
        if (!stuck.has(shard)) log.error(
          { shard, epoch }, 'Redis lost entries of a shard that is stopped: it stays closed until it is resumed (credit-gateway shards)',
        );
        stuck.add(shard, null);
        return null;
      case 'deposed':
        if (!stuck.has(shard)) log.error(
          { shard, server: server?.name },
          'this Redis was replaced as a master by its replica: the shard stays closed until the connection leads to the newer one',
        );
        stuck.add(shard, server?.replicationId ?? null);
        return null;
      case 'foreign':
        log.error(
          { shard },
          'this Redis holds another ledger than this Postgres: the shard stays closed. Use the matching pair, or an empty Redis',
        );
        return null;
      case 'ahead':
        log.error({ shard, epoch }, 'Redis has a newer epoch than Postgres: Postgres went back in time. The shard stays closed');
        return null;
    }
  };

  return {
    async verify(servers, decided) {
      const rows = await rowsOf(store, servers);
      for (const row of rows) await reportOlder(deps, row);
      const judged = await Promise.allSettled(rows.map(
        async (row) => ({ row, judgement: await judgeOn(deps, row, servers.get(row.shard)) })));
      const known = judged.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      const open = known.filter(({ judgement: { verdict } }) => verdict === 'open').map(({ row }) => row);
      const isCertain = await certain(store, open.filter((row) => isNoted(row, servers.get(row.shard))));
      const unsure: number[] = [];
      for (const { row: { shard, epoch }, judgement } of known) {
        if (judgement.verdict === 'open' && isCertain(shard) && !stuck.has(shard)) {
          acknowledged.seen(shard, epoch, judgement.stream);
          decided(shard, epoch);
        } else unsure.push(shard);
      }
      const failures = await failuresOf(unsure, async (shard) => { decided(shard, await repair(shard, servers.get(shard))); });
      const failed = judged.find((each) => each.status === 'rejected');
      if (failed !== undefined || failures.length > 0) throw (failed?.reason ?? failures[0]) as Error;
    },
    hasStuck: stuck.hasAny,
  };
}

const judgeOn = async (
  { redis, keys, store, acknowledged }: VerifyDeps, row: ShardRow, server: ServerIdentity | undefined,
): Promise<Judgement> => (isDeposed(row, server)
  ? { verdict: 'deposed' } : judgeShard({ redis, keys, ledgerId: store.ledgerId }, row, acknowledged.of(row.shard)));

/** Shards that stay closed, each with the replaced master that it is on, if it is, and for how long. */
function stuckShards() {
  const known = new Map<number, { readonly on: string | null; readonly atMs: number }>();
  return {
    has: (shard: number): boolean => known.has(shard),
    hasAny: (): boolean => known.size > 0,
    add: (shard: number, on: string | null): void => {
      if (known.get(shard)?.on !== on) known.set(shard, { on, atMs: performance.now() });
    },
    delete: (shard: number): void => { known.delete(shard); },
    /** 0: it is not stuck on that one. */
    sinceMs: (shard: number, on: string | null): number => {
      const found = known.get(shard);
      return found?.on === on ? performance.now() - found.atMs : 0;
    },
  };
}

/** Whether the server was replaced as master of the shard: what it has beyond Postgres may be there another time, on the newer master. */
export const isDeposed = ({ deposed }: Pick<ShardRow, 'deposed'>, server: ServerIdentity | null | undefined): boolean =>
  typeof server?.replicationId === 'string' && deposed.includes(server.replicationId);

/**
 * Does the work for one shard after the other, for all of them, and returns the errors. In an order of this process: after a failover
 * all processes verify the same shards, and would wait for one another at each.
 */
async function failuresOf(shards: readonly number[], work: (shard: number) => Promise<void>): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const { shard } of shards.map((each) => ({ shard: each, at: Math.random() })).toSorted((a, b) => a.at - b.at)) {
    await work(shard).catch((error: unknown) => { failures.push(error); });
  }
  return failures;
}

/**
 * Whether the master that the server has replaced is noted. Otherwise another process may still be connected to it, and its drain
 * would commit entries whose numbers are given again here.
 */
const isNoted = ({ deposed }: Pick<ShardRow, 'deposed'>, server: ServerIdentity | undefined): boolean =>
  server?.previousId == null || deposed.includes(server.previousId);

/** The rows of these shards. The masters that their servers have replaced are noted before, in those that are not locked. */
async function rowsOf(
  store: Pick<ShardStore, 'readShards' | 'depose'>, servers: ReadonlyMap<number, ServerIdentity>,
): Promise<readonly ShardRow[]> {
  const read = async (): Promise<readonly ShardRow[]> => (await store.readShards()).filter(({ shard }) => servers.has(shard));
  const rows = await read();
  const replaced = new Map<string, number[]>();
  for (const row of rows) {
    const server = servers.get(row.shard);
    if (server?.previousId == null || isNoted(row, server)) continue;
    replaced.set(server.previousId, [...replaced.get(server.previousId) ?? [], row.shard]);
  }
  if (replaced.size === 0) return rows;
  for (const [previousId, shards] of replaced) await store.depose(shards, previousId);
  return read();
}

/**
 * Which of these rows were judged while no drain was in progress: it is over, and has moved no cursor. Otherwise a drain may have
 * read entries from Redis that Redis has lost since, and commit them after the judgement: what is written then would have their
 * numbers again.
 */
async function certain(store: Pick<ShardStore, 'readIdle'>, judged: readonly ShardRow[]): Promise<(shard: number) => boolean> {
  const idle = judged.length === 0 ? [] : await store.readIdle(judged.map(({ shard }) => shard));
  const nameOf = ({ shard, epoch, lastId, deposed }: Pick<ShardRow, 'shard' | 'epoch' | 'lastId' | 'deposed'>): string =>
    [shard, epoch, lastId, ...deposed].join(' ');
  const unmoved = new Set(idle.map(nameOf));
  const known = new Set(judged.filter((row) => unmoved.has(nameOf(row))).map(({ shard }) => shard));
  return (shard) => known.has(shard);
}

/** Judges a shard under its row lock, and records the decision before the lock is released. */
async function decide(
  { redis, store, keys, acknowledged, unusedMs = UNUSED_MS }: VerifyDeps, shard: number, server: ServerIdentity | undefined,
  { judge, stuckMs }: { readonly judge: (row: ShardRow) => Promise<Judgement>; readonly stuckMs: number },
): Promise<{ readonly judgement: Judgement; readonly epoch: number }> {
  return store.withLocked(shard, async (row, { raise, depose, reinstate }) => {
    if (server?.previousId != null && !isNoted(row, server)) await depose(server.previousId);
    let judgement = await judge(row);
    // Sentinel may go back to a master that it has replaced: what that has beyond Postgres may be there another time all the same.
    if (judgement.verdict === 'deposed' && stuckMs >= unusedMs && await reinstate(server?.replicationId ?? '', unusedMs)) {
      judgement = { verdict: 'raise', loss: lossBeyondCursor(row, acknowledged.of(shard)) };
    }
    if (judgement.verdict === 'set') await redis.writeText(keys.fence(shard), fenceText(row.epoch, store));
    if (judgement.verdict === 'drain') {
      // Other processes must know of the loss before they find the fence missing.
      await store.mark([{ shard, epoch: row.epoch, ...judgement.known }]);
      await redis.remove([keys.fence(shard)]);
    }
    if (judgement.verdict === 'raise') {
      await redis.remove([keys.fence(shard)]);
      await raise(judgement.loss);
    }
    return { judgement, epoch: row.epoch };
  });
}

function tellRaised(log: VerifyDeps['log'], loss: Loss): void {
  const { shard, epoch, survivedId, entries, accounts } = loss;
  if (entries === 0) {
    log.error({ shard, fromEpoch: epoch, cursor: survivedId }, 'Redis is behind Postgres: epoch raised, accounts reload from Postgres');
    return;
  }
  const { fromId, toId } = windowOf(loss);
  const [from, to] = [fromId, toId].map((id) => new Date(atMsOf(id)).toISOString());
  log.error(
    { shard, fromEpoch: epoch, lostEntries: entries, from, to, accountsKnown: Object.keys(accounts).length },
    'Redis lost entries that it had acknowledged: epoch raised, accounts reload from Postgres',
  );
}

/** Adds this process' acknowledgements of an epoch that another process has ended to the record of its loss. */
async function reportOlder({ acknowledged, store, log }: VerifyDeps, { shard, epoch }: Pick<ShardRow, 'shard' | 'epoch'>): Promise<void> {
  const memory = acknowledged.of(shard);
  if (memory === null || memory.epoch >= epoch) return;
  const lostEntries = await store.addToLoss(shard, memory.epoch, memory.recent());
  acknowledged.forget(shard, memory.epoch);
  if (lostEntries > 0) {
    log.error({ shard, fromEpoch: memory.epoch, lostEntries }, 'Redis lost further entries, which it had acknowledged to this process');
  }
}
