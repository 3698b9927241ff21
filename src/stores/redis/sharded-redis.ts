import type { ScriptClient } from './script.js';
import type { ServerIdentity } from './server-identity.js';

/** One undecoded stream entry: its id, and its fields and values one after the other. */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

/** Where to continue reading a stream: its key, and the last id that was read. */
export type StreamFrom = { readonly key: string; readonly afterId: string };

/**
 * The state of a stream: its highest id and the number of entries ever added, trimmed ones included. `firstId` null: it
 * contains no entries. A stream that does not exist is at `0-0` with no entries.
 */
export type StreamState = {
  readonly lastId: string; readonly entries: number; readonly firstId: string | null;
  /** Entries that it contains. */
  readonly length: number;
};

/** A sorted set: how many members it has, and the lowest of their scores; null when it has none. */
export type IndexState = { readonly members: number; readonly lowest: number | null };

/**
 * Redis as the ledger uses it: scripts on shards, streams and indexes of many shards at once, and the servers behind
 * them. The hash tag of a key (`{s7}`) names its shard; all keys of one script have the same one. Only the files of this
 * folder know whether there is one server, a Sentinel or a Cluster.
 *
 * A method that takes a list costs one round trip (to all servers at once), independent of the length of the list, and
 * returns results in its order. Calls for the same shard are executed in the order in which they were made. Every method
 * throws the driver's error when a server does not answer (`isRedisAway`), and Redis' own when it refuses.
 */
export interface ShardedRedis extends ScriptClient {
  /** The texts of these keys; null for a key that does not exist. */
  readTexts(keys: readonly string[]): Promise<(string | null)[]>;
  /** `ttlSeconds`: how long the key lives; by default it does not end. */
  writeText(key: string, text: string, ttlSeconds?: number): Promise<void>;
  /** The text of a key, which then lives for `ttlSeconds` from now; null for a key that does not exist. */
  readAndRenew(key: string, ttlSeconds: number): Promise<string | null>;
  /** Adds to counters, which end after their `ttlMs` of life. Returns their new values. */
  addCounts(counts: readonly { readonly key: string; readonly by: number; readonly ttlMs: number }[]): Promise<number[]>;
  /** Deletes keys of any shards. Returns how many existed. */
  remove(keys: readonly string[]): Promise<number>;

  /** At most `count` entries of each stream, oldest first. */
  readStreams(from: readonly StreamFrom[], count: number): Promise<StreamEntry[][]>;
  /** Whether a stream still has these entries. */
  hasEntries(key: string, ids: readonly string[]): Promise<boolean[]>;
  streamStates(keys: readonly string[]): Promise<StreamState[]>;
  /** Deletes the entries before `minId` of each stream. */
  trimStreams(trims: readonly { readonly key: string; readonly minId: string }[]): Promise<void>;

  /** At most `limit` members of each index with scores up to `max`, lowest first, without the first `skip`. */
  membersUpTo(from: readonly { readonly key: string; readonly skip: number }[], max: number, limit: number): Promise<string[][]>;
  indexStates(keys: readonly string[]): Promise<IndexState[]>;
  /** How many members of each index have scores up to `max`. */
  countUpTo(keys: readonly string[], max: number): Promise<number[]>;

  /**
   * One step of a scan over the matching keys of all servers; the cursor '0' starts it, and is returned at its end. Other
   * cursors are opaque. `count`: how many keys to examine, of which any number may match.
   */
  scan(cursor: string, pattern: string, count: number): Promise<{ readonly cursor: string; readonly keys: string[] }>;

  /**
   * Identity of the server that has each key: it changes with a restart and with a failover. Null for a server that does
   * not answer, if another does.
   */
  serversOf(keys: readonly string[]): Promise<(ServerIdentity | null)[]>;
  /** The items in groups, by the server that has their key, so that one that is down does not fail the work on others. */
  byServer<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[];
  /** A name of the server that has this key now: its address in a Cluster, else `redis`; '' when none is known. */
  serverName(key: string): string;
  /**
   * A number of the connection to the server that has this key now; null while there is none. It changes with every new
   * connection, and when another server gets the key.
   */
  connectionOf(key: string): number | null;
  /** The time on the clock of that server, in ms with fractions. */
  timeMs(key: string): Promise<number>;
  /** The reply of INFO, one text per server; of a Cluster also of its replicas, which may become masters at any time. */
  infos(section?: string): Promise<string[]>;
  /** Why each server refuses writes now, as the error it answers; null where it accepts them. Writes nothing. */
  writeRefusals(): Promise<(Error | null)[]>;

  /** Whether every key has a server that is connected now. */
  isReady(): boolean;
  /**
   * `ready` after every new connection, and when another server gets some of the keys; `lost` when a connection ends, or a
   * server loses keys to another. Returns a function that ends the subscription.
   */
  onConnection(told: { readonly ready?: () => void; readonly lost?: () => void }): () => void;
  /**
   * How long the oldest command that is not answered has waited, in ms; 0 when none waits or the connection has no deadline.
   * Of several servers the one that is least behind counts: what one of them makes wait says nothing about the others.
   */
  oldestWaitMs(): number;
  /**
   * How long a command for this key that is sent now is likely to wait for its answer, in ms; 0 while few wait. Without a key, the
   * least of all servers.
   */
  expectedMs(key?: string): number;
  /** Closes all connections at once. Commands in progress fail. */
  close(): void;
}
