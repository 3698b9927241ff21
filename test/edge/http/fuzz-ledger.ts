import { inspect } from 'node:util';
import { AMOUNTS } from '../../../src/ledger/figures.js';
import { keyspace } from '../../../src/ledger/keys.js';
import { rawRedis } from '../../support/redis-address.js';
import { redisUrl } from '../../support/servers.js';

/** Sees what the ledger has written, of every account, from Redis, where every change is an entry. */
export type LedgerWatch = {
  /**
   * What was written since the last call, without what time does by itself and without the usage that `status` 402 keeps; also
   * a change of an account that was watched, if no entry tells of it. Nothing: the request moved no money.
   */
  readonly deeds: (status: number) => Promise<unknown[]>;
  readonly close: () => void;
};

/** As in `startGateway`. */
const SHARDS = 8;

type Entry = Readonly<Record<string, string>>;

const moves = (entry: Entry): boolean => AMOUNTS.some((name) => entry[name] !== '0');
/** Lots and leases end, and plans that a request began are refilled. */
const byItself = ({ kind = '', about = '' }: Entry): boolean =>
  kind === 'expire_lots' || kind === 'expire_hold' || about.includes('"actor":"system-plan"');
/** Usage that is refused for lack of credits is kept (docs/contracts/README.md#n-08). Its entry moves nothing. */
const isKeptUsage = (entry: Entry, status: number): boolean => status === 402 && entry['kind'] === 'refuse_usage' && !moves(entry);

/** `accounts`: whose balances, lots and open holds are compared, too. */
export async function ledgerWatch(namespace: string, accounts: readonly string[]): Promise<LedgerWatch> {
  const redis = rawRedis(redisUrl());
  const keys = keyspace(namespace, SHARDS);
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  const fences = await Promise.all(shards.map((shard) => redis.get(keys.fence(shard))));
  const epochs = fences.map(Number);
  const streams = shards.map((shard) => ({ key: keys.shard(shard, epochs[shard] ?? 0).journal, last: '0-0' }));
  const watched = accounts.map((account) => keys.account(account, epochs[keys.shardOf(account)] ?? 0));

  const read = async (): Promise<{ entries: readonly Entry[]; state: string }> => {
    // One by one, sent together: the shards of a Cluster are on several servers.
    const [replies, states] = await Promise.all([
      Promise.all(streams.map(({ key, last }) => redis.xrange(key, `(${last}`, '+'))),
      Promise.all(watched.flatMap(({ account, lot, open }): Promise<unknown>[] =>
        [redis.hgetall(account), redis.hgetall(lot), redis.zrangebyscore(open, '-inf', '+inf', 'WITHSCORES')])),
    ]);
    const entries: Entry[] = [];
    for (const [index, stream] of streams.entries()) {
      for (const [id, fields] of replies[index] ?? []) {
        stream.last = id;
        entries.push(Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1] ?? '']] : []))));
      }
    }
    return { entries, state: inspect(states, { depth: 5, maxArrayLength: null, sorted: true }) };
  };

  let { state } = await read();
  return {
    close: () => { redis.disconnect(); },
    deeds: async (status) => {
      const before = state;
      const now = await read();
      state = now.state;
      if (now.entries.length === 0) return now.state === before ? [] : [{ before, after: now.state }];
      return now.entries.filter((entry) => !byItself(entry) && !isKeptUsage(entry, status));
    },
  };
}
