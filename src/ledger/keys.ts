import { accountOfName, nameOfAccount } from './account-name.js';

/**
 * Every Redis key of the ledger, in one file (CONTRIBUTING.md#typescript).
 *
 * All keys of a shard have its hash tag, so a script, its journal and its indexes share one Redis Cluster slot. All keys
 * except the fence contain the epoch: a new epoch makes all older keys invisible at once, so an account of a Redis that
 * was restored to an older state is never used (docs/architecture.md#when-things-fail). An account is in its keys under its
 * name (account-name.ts), which has no ':', and hold ids and idempotency keys come last, so no two names form the same key.
 */
export type Keyspace = {
  readonly shards: number;
  /** Of the raw id, not of its name in keys. */
  shardOf(accountId: string): number;
  /** The fence: holds the shard's epoch; absent or different means nothing may be written. */
  fence(shard: number): string;
  shard(shard: number, epoch: number): ShardKeys;
  account(accountId: string, epoch: number): AccountKeys;
  /** A SCAN pattern for every key that contains an epoch. */
  readonly anyShardKey: string;
  /** The shard and epoch of a key, or null when it contains no epoch. */
  epochIn(key: string): { readonly shard: number; readonly epoch: number } | null;
  /** A SCAN pattern that matches the key of every account, and some others. */
  readonly anyAccountKey: string;
  /** The account of a key, or null when it is not the key of an account. */
  accountIn(key: string): { readonly accountId: string; readonly epoch: number } | null;
};

export type ShardKeys = {
  /** Stream of entries that wait for Postgres. */
  readonly journal: string;
  /** Zset of `<name of the account>:<hold>` by end of lease: what the sweeper reads (`readDueHold`). */
  readonly holdsDue: string;
  /** Zset of account ids by the expiry of their next lot. */
  readonly lotsDue: string;
};

export type AccountKeys = ShardKeys & {
  readonly shard: number;
  readonly fence: string;
  /** Hash: available, held, debt, seq, next_expiry_ms, totals. */
  readonly account: string;
  /** Zset: lots with something left, by expiry. */
  readonly lots: string;
  /** Hash: lot id -> `remaining:held:amount:expires_at_ms:granted_at_ms`. */
  readonly lot: string;
  /** Zset: open holds by end of lease. */
  readonly open: string;
  hold(holdId: string): string;
  /** String, there while a hold has ended and has left Redis (lua/shorten-receipts.lua). */
  ended(holdId: string): string;
  receipt(key: string): string;
  /** Hash: seq -> time of deductions of this amount that no usage record has claimed. */
  deductions(amount: string): string;
  /** Hash: how much usage was refused and recorded this minute. */
  readonly refusals: string;
  /** Hash: definitions and counters of the account's limits (lua/includes/limits.lua). */
  readonly limits: string;
  /** Hash: what the API key of this name spends, if it has a limit (lua/includes/windows.lua). */
  readonly keySpend: string;
  /** String: the ticket of loads that are under way (lua/begin-load.lua); it has a TTL. */
  readonly ticket: string;
};

/** The last part is only the account: no other key of the ledger has its name at this position. */
const ACCOUNT_IN_KEY = /^:\{s(\d+)\}:(\d+):account:([^:]+)$/;

/** What follows the namespace in `cg:{s7}:3:account:alice`. */
const EPOCH_IN_KEY = /^:\{s(\d+)\}:(\d+):/;

/** Names that all accounts of a shard share: built once per epoch, because building names is 5 % of the cost of a hold. */
type ShardNames = { readonly epoch: number; readonly base: string; readonly fence: string; readonly keys: ShardKeys };

export function keyspace(namespace: string, shards: number): Keyspace {
  // The account that was named last: an operation asks several times, and neighbours in a batch are of one account.
  let [shardAccount, shardOfLast] = ['', fnv1a('') % shards];
  const shardOf = (accountId: string): number => {
    if (accountId !== shardAccount) [shardAccount, shardOfLast] = [accountId, fnv1a(accountId) % shards];
    return shardOfLast;
  };
  let last: { readonly accountId: string; readonly epoch: number; readonly keys: AccountKeys } | undefined;
  const tagOf = (shard: number): string => `${namespace}:{s${shard}}`;
  const made = new Array<ShardNames | undefined>(shards);
  const namesOf = (shard: number, epoch: number): ShardNames => {
    const known = made[shard];
    if (known?.epoch === epoch) return known;
    const base = `${tagOf(shard)}:${epoch}`;
    const names: ShardNames = {
      epoch, base, fence: `${tagOf(shard)}:fence`,
      keys: { journal: `${base}:journal`, holdsDue: `${base}:holds-due`, lotsDue: `${base}:lots-due` },
    };
    made[shard] = names;
    return names;
  };
  const accountKeys = (accountId: string, epoch: number): AccountKeys => {
    const shard = shardOf(accountId);
    const { base, fence, keys: { journal, holdsDue, lotsDue } } = namesOf(shard, epoch);
    const name = nameOfAccount(accountId);
    return {
      journal,
      holdsDue,
      lotsDue,
      shard,
      fence,
      account: `${base}:account:${name}`,
      lots: `${base}:lots:${name}`,
      lot: `${base}:lot:${name}`,
      open: `${base}:open:${name}`,
      hold: (holdId) => `${base}:hold:${name}:${holdId}`,
      ended: (holdId) => `${base}:ended:${name}:${holdId}`,
      receipt: (key) => `${base}:receipt:${name}:${key}`,
      deductions: (amount) => `${base}:deductions:${name}:${amount}`,
      refusals: `${base}:refusals:${name}`,
      limits: `${base}:limits:${name}`,
      keySpend: `${base}:key-spend:${name}`,
      ticket: `${base}:loading:${name}`,
    };
  };
  return {
    shards,
    shardOf,
    fence: (shard) => `${tagOf(shard)}:fence`,
    shard: (shard, epoch) => namesOf(shard, epoch).keys,
    anyShardKey: `${namespace}:{s*}:*:*`,
    epochIn: (key) => {
      const match = EPOCH_IN_KEY.exec(key.slice(namespace.length));
      return match === null ? null : { shard: Number(match[1]), epoch: Number(match[2]) };
    },
    anyAccountKey: `${namespace}:{s*}:*:account:*`,
    accountIn: (key) => {
      const match = ACCOUNT_IN_KEY.exec(key.slice(namespace.length));
      const accountId = match === null ? null : accountOfName(match[3] ?? '');
      return match === null || accountId === null ? null : { accountId, epoch: Number(match[2]) };
    },
    account: (accountId, epoch) => {
      if (last?.accountId !== accountId || last.epoch !== epoch) last = { accountId, epoch, keys: accountKeys(accountId, epoch) };
      return last.keys;
    },
  };
}

/** The account and the hold of a member of `holdsDue`, or null when it is none (lua/includes/holds.lua writes them). */
export function readDueHold(member: string): { readonly accountId: string; readonly holdId: string } | null {
  const colon = member.indexOf(':');
  const accountId = colon < 0 ? null : accountOfName(member.slice(0, colon));
  return accountId === null ? null : { accountId, holdId: member.slice(colon + 1) };
}

/**
 * FNV-1a over the id's UTF-16 units. It must never change: it decides in which shard an account's money is. It is no
 * defence against chosen ids, which can at worst fall into one shard.
 */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
