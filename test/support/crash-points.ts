import type { Db, Trx } from '../../src/stores/postgres/connect.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import type { Ports } from './durable-ledger.js';

/** Where a process ends: at its n-th call (from 0) to another one, before that was sent, or after it was executed. */
export type CrashAt = { readonly call: number; readonly when: 'before' | 'after' };

/** What a process that has ended would have thrown, if it still could. */
export class Crashed extends Error {
  constructor(at: string) {
    super(`crashed ${at}`);
    this.name = 'Crashed';
  }
}

/**
 * A process that ends at one of its calls. Everything it awaits of Redis, Postgres and receivers of webhooks is a call and has a
 * name. After its end every call fails and has no effect, so no handler of errors can go on.
 */
export type Doomed = {
  readonly ports: Ports;
  /** Makes a function one of its calls. */
  wrap<Args extends readonly unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>): (...args: Args) => Promise<Result>;
  /** The names of the calls so far. */
  readonly calls: readonly string[];
  readonly isDead: () => boolean;
};

/** `at` null: the process lives, and only its calls are counted. */
export function doomed(ports: Ports, at: CrashAt | null): Doomed {
  const calls: string[] = [];
  let death: Crashed | null = null;
  const dieIf = (isHere: boolean, place: string): void => {
    if (isHere) death ??= new Crashed(place);
    if (death !== null) throw death;
  };

  const call = async <T>(name: string, work: () => PromiseLike<T>): Promise<T> => {
    dieIf(false, '');
    const mine = calls.push(name) - 1;
    dieIf(mine === at?.call && at.when === 'before', `before ${name}`);
    const result = await work();
    // A call that was under way when the process ended has its effect, and its answer is lost.
    dieIf(mine === at?.call && at.when === 'after', `after ${name}`);
    return result;
  };

  const statements = <Connection extends Db | Trx>(connection: Connection): Connection => new Proxy(connection, {
    get(target, property, receiver) {
      if (property === 'raw') {
        return (sql: string, bindings: Bindings = []) => {
          const called = call(`postgres: ${statementName(sql)}`, () => target.raw(sql, bindings));
          return Object.assign(called, { options: () => called }); // prepared or not (src/stores/postgres/prepared.ts)
        };
      }
      if (property === 'transaction') return transaction(target);
      if (property === 'client') return pooled((target as Trx).client as Client, call);
      return Reflect.get(target, property, receiver) as unknown;
    },
  });

  const transaction = (target: Db) => async <T>(work: (trx: Trx) => Promise<T>): Promise<T> => {
    let commit = -1;
    const result = await target.transaction(async (trx) => {
      const done = await work(statements(trx));
      dieIf(false, '');
      commit = calls.push('postgres: commit') - 1;
      dieIf(commit === at?.call && at.when === 'before', 'before commit');
      return done;
    });
    dieIf(commit === at?.call && at.when === 'after', 'after commit');
    return result;
  };

  const redis = new Proxy(ports.redis, {
    get(target, property, receiver) {
      const found = Reflect.get(target, property, receiver) as unknown;
      if (typeof found !== 'function' || !CALLS_OF_REDIS.has(property)) return found;
      return (...args: unknown[]) => call(`redis: ${String(property)}`, () => Reflect.apply(found, target, args) as Promise<unknown>);
    },
  });

  return {
    ports: { db: statements(ports.db), redis }, calls, isDead: () => death !== null,
    wrap: (name, work) => (...args) => call(name, () => work(...args)),
  };
}

type Connection = {
  query(query: { readonly text: string }, callback: (error: Error | null, result?: unknown) => void): void;
  release?(): Promise<void>;
};

type Client = { acquireConnection(): Promise<Connection>; releaseConnection(connection: Connection): Promise<void> };

type Call = <T>(name: string, work: () => PromiseLike<T>) => Promise<T>;

/** COPY takes the connection of a transaction (src/stores/postgres/copy.ts), a busy look-up one of the pool (rows-of.ts). */
const pooled = (client: Client, call: Call): Client => ({
  acquireConnection: async () => {
    const connection = await client.acquireConnection();
    return {
      query: (query, callback) => {
        const name = `postgres: ${query.text.startsWith('copy') ? query.text.split(' ', 2).join(' ') : statementName(query.text)}`;
        call(name, () => new Promise<unknown>((resolve, reject) => {
          connection.query(query, (error, result) => { if (error) reject(error); else resolve(result); });
        })).then((result) => { callback(null, result); }, callback);
      },
      release: () => client.releaseConnection(connection),
    };
  },
  releaseConnection: (connection) => connection.release?.() ?? Promise.resolve(),
});

type Bindings = Parameters<Db['raw']>[1] & object;

const CALLS_OF_REDIS: ReadonlySet<string | symbol> = new Set<keyof ShardedRedis>([
  'evalsha', 'eval', 'readTexts', 'writeText', 'addCounts', 'remove', 'readStreams', 'hasEntries', 'streamStates', 'trimStreams',
  'membersUpTo', 'indexStates', 'countUpTo', 'scan', 'serversOf', 'timeMs', 'infos',
]);

const WORD = /^\s*(?:with\s.*?\)\s*)?(select|insert into|update|delete from)\b/is;

/** What a statement does, and to which table: enough to find it. */
export function statementName(sql: string): string {
  const verb = WORD.exec(sql)?.[1]?.toLowerCase() ?? sql.trim().split(/\s+/, 1)[0] ?? '';
  const table = /\b(?:from|into|update)\s+([a-z_]+)/i.exec(sql)?.[1] ?? /\bselect\s+([a-z_]+)\(/i.exec(sql)?.[1] ?? '';
  return `${verb}${table === '' ? '' : ` ${table}`}`;
}
