import { GatewayError } from '../kit/errors.js';
import { itemAt, type Tell } from '../kit/tell.js';
import type { GatheredCall, GatheredScript } from '../stores/redis/gathered-script.js';
import type { Reply, Script, ScriptClient } from '../stores/redis/script.js';
import type { AccountSource } from './account-image.js';
import { accountLoader, type AccountLoader } from './account-loader.js';
import type { Acknowledged } from './acknowledged.js';
import type { Epoch, Fence } from './fence.js';
import type { AccountKeys, Keyspace } from './keys.js';

export type AccountScriptsDeps = {
  readonly client: ScriptClient;
  readonly keys: Keyspace;
  readonly fence: Fence;
  readonly source: AccountSource;
  readonly acknowledged: Pick<Acknowledged, 'note'>;
  /** Called after each script call. It must not throw. */
  readonly observe: (script: string, status: string, seconds: number, isReplay: boolean) => void;
  /** Moves Redis' clock in tests; zero in production. */
  readonly timeOffsetMs?: () => number;
};

/** Arguments that every script takes and that are bound here. */
type Bound = 'epoch' | 'time_offset_ms' | 'account_id' | 'trace';

/** Runs scripts on accounts: checks the fence, loads accounts that Redis does not have, and reports each call. */
export interface AccountScripts extends Pick<AccountLoader, 'restoreHold' | 'recallHold' | 'recallHolds' | 'restoreReceipt'> {
  run<K extends string, A extends string>(
    script: Script<K, A>,
    accountId: string,
    keysOf: (account: AccountKeys) => Record<K, string>,
    args: ArgsOf<A> | AllArgs<A>,
  ): Promise<Reply>;
  /** Several calls, each checked, answered and failed as one of `run` is. Resolves after all were told. */
  runEach<K extends string, A extends string>(
    script: GatheredScript<K, A>, calls: readonly AccountCall<K, A>[], tell: Tell<Reply>,
  ): Promise<void>;
}

type ArgsOf<A extends string> = Record<Exclude<A, Bound>, string | number>;
export type BoundArgs = Readonly<Record<Bound, string | number>>;
/** All arguments at once, where it matters what making them costs, or where they depend on keys. */
type AllArgs<A extends string> = (bound: BoundArgs, account: AccountKeys) => Record<A, string | number>;

export type AccountCall<K extends string, A extends string> = {
  readonly accountId: string;
  readonly keysOf: (account: AccountKeys) => Record<K, string>;
  readonly args: AllArgs<A>;
};

/** The dependencies of each part of the ledger's port. */
export type OperationDeps = {
  readonly scripts: AccountScripts;
  readonly keys: Keyspace;
  /** Called after each step that wrote an entry, with the shard that now has something for Postgres. */
  readonly written: (shard: number) => void;
};

/** Keys of every step that may move money. */
export const stepKeys = (account: AccountKeys) => ({
  fence: account.fence, account: account.account, lots: account.lots, lot: account.lot,
  lots_due: account.lotsDue, journal: account.journal,
});

/** Loads of an account within one call: it may leave again before the script that needs it runs. */
const LOADS_MAX = 3;

/** Replies whose first value says whether they repeat an earlier answer. */
export const REPLAYABLE: ReadonlySet<string> = new Set([
  'placed', 'extended', 'ended', 'granted', 'debited', 'revoked', 'refunded', 'received',
]);
/** Other replies of a script that wrote an entry. */
export const ALWAYS_WRITTEN: ReadonlySet<string> = new Set(['changed', 'expired', 'usage_refused', 'reported']);
const STREAM_ID = /^\d+-\d+$/;

/** The stream id that ends every reply of a script that wrote an entry (lua/README.md); null when none was written. */
function journalIdOf(reply: Reply): string | null {
  const hasWritten = REPLAYABLE.has(reply[0]) ? reply[1] === '0' : ALWAYS_WRITTEN.has(reply[0]);
  const last = reply[reply.length - 1] ?? '';
  return hasWritten && STREAM_ID.test(last) ? last : null;
}

export function accountScripts(deps: AccountScriptsDeps): AccountScripts {
  const { client, keys, fence, acknowledged, observe } = deps;
  const offsetMs = deps.timeOffsetMs ?? (() => 0);
  const timed = timer(deps.observe);

  const epochOf = (shard: number): Epoch => {
    const epoch = fence.epochOf(shard);
    if (epoch === null) throw notNow('the ledger is being verified; retry shortly');
    return epoch;
  };
  const loader = accountLoader({ ...deps, epochOf });
  const boundOf = (accountId: string, epoch: Epoch): BoundArgs =>
    ({ epoch: epoch.fence, time_offset_ms: offsetMs(), account_id: accountId, trace: '' });
  /** False: Redis does not have the account, and nothing happened. Throws what the reply means where it is no answer. */
  const isLoaded = (reply: Reply, accountId: string, epoch: Epoch): boolean => {
    const shard = keys.shardOf(accountId);
    if (fence.epochOf(shard) !== epoch) throw fromBefore();
    if (reply[0] === 'fenced') {
      fence.suspect(shard);
      throw notNow('the ledger is being verified; retry shortly');
    }
    if (reply[0] === 'not_loaded') return false;
    const streamId = journalIdOf(reply);
    if (streamId !== null) acknowledged.note(shard, epoch.number, accountId, streamId);
    return true;
  };

  return {
    async run(script, accountId, keysOf, args) {
      for (let loads = 0; ; loads += 1) {
        const epoch = epochOf(keys.shardOf(accountId));
        const account = keys.account(accountId, epoch.number);
        // `args` is whatever is left of the script's arguments without the bound ones, which the compiler cannot add up;
        // and the trace of the call, where there is one (trace-scripts.ts).
        const bound = boundOf(accountId, epoch);
        const all = (typeof args === 'function' ? args(bound, account) : { ...bound, ...args }) as Parameters<typeof script.run>[2];
        const reply = await timed(script.name, () => script.run(client, keysOf(account), all));
        if (isLoaded(reply, accountId, epoch)) return reply;
        if (loads === LOADS_MAX) throw notLoaded();
        await loader.load(accountId, account, epoch);
      }
    },
    runEach: eachRun({ client, keys, epochOf, boundOf, isLoaded, load: loader.load, observe }),
    restoreHold: loader.restoreHold,
    recallHold: loader.recallHold,
    recallHolds: loader.recallHolds,
    restoreReceipt: loader.restoreReceipt,
  };
}

type RunEachDeps = Pick<AccountScriptsDeps, 'observe'> & Pick<AccountLoader, 'load'> & {
  readonly client: ScriptClient;
  readonly keys: Keyspace;
  /** Throws GatewayError ledger_unavailable when the shard is closed. */
  readonly epochOf: (shard: number) => Epoch;
  readonly boundOf: (accountId: string, epoch: Epoch) => BoundArgs;
  /** Whether Redis has the account. Throws what the reply means where it is no answer. */
  readonly isLoaded: (reply: Reply, accountId: string, epoch: Epoch) => boolean;
};

type Sent = GatheredCall<string, string> & {
  readonly index: number; readonly accountId: string; readonly account: AccountKeys; readonly epoch: Epoch;
};

/** `AccountScripts.runEach`: accounts that Redis does not have are loaded, once each, and the calls on them run again. */
function eachRun(deps: RunEachDeps): AccountScripts['runEach'] {
  const { client, keys, epochOf, boundOf, isLoaded, observe, load } = deps;

  const bind = ({ accountId, keysOf, args }: AccountCall<string, string>, index: number): Sent => {
    const epoch = epochOf(keys.shardOf(accountId));
    const account = keys.account(accountId, epoch.number);
    return { keys: keysOf(account), args: args(boundOf(accountId, epoch), account), index, accountId, account, epoch };
  };

  /** Loads what these calls need. Those whose account could not be loaded have failed. */
  const loaded = async (unloaded: readonly Sent[], tell: Tell<Reply>): Promise<number[]> => {
    const loads = await Promise.allSettled(unloaded.map(({ accountId, account, epoch }) => load(accountId, account, epoch)));
    return unloaded.flatMap(({ index }, at) => {
      const each = loads[at];
      if (each?.status !== 'rejected') return [index];
      tell.failed(index, each.reason);
      return [];
    });
  };

  return async (script, calls, tell) => {
    let left = calls.map((_, index) => index);
    for (let loads = 0; left.length > 0; loads += 1) {
      const sent: Sent[] = [];
      const unloaded: Sent[] = [];
      for (const index of left) {
        try {
          sent.push(bind(calls[index] as unknown as AccountCall<string, string>, index));
        } catch (error) {
          tell.failed(index, error);
        }
      }
      const startedAt = performance.now();
      const seconds = (): number => (performance.now() - startedAt) / 1_000;
      await script.runEach(client, sent, {
        done: (at, reply) => {
          const each = itemAt(sent, at);
          observe(script.name, reply[0], seconds(), reply[1] === '1' && REPLAYABLE.has(reply[0]));
          try {
            if (isLoaded(reply, each.accountId, each.epoch)) tell.done(each.index, reply);
            else unloaded.push(each);
          } catch (error) {
            tell.failed(each.index, error);
          }
        },
        failed: (at, error) => {
          observe(script.name, 'error', seconds(), false);
          tell.failed(itemAt(sent, at).index, error);
        },
      });
      if (loads === LOADS_MAX) {
        for (const { index } of unloaded) tell.failed(index, notLoaded());
        return;
      }
      left = await loaded(unloaded, tell);
    }
  };
}

/** Runs a script call and reports its duration and reply. */
const timer = (observe: AccountScriptsDeps['observe']) => async (name: string, run: () => Promise<Reply>): Promise<Reply> => {
  const startedAt = performance.now();
  try {
    const reply = await run();
    observe(name, reply[0], (performance.now() - startedAt) / 1_000, reply[1] === '1' && REPLAYABLE.has(reply[0]));
    return reply;
  } catch (error) {
    observe(name, 'error', (performance.now() - startedAt) / 1_000, false);
    throw error;
  }
};

/**
 * The reply is of a server that has been replaced since, or of an epoch that has ended: a paused master that wakes up executes what
 * waited in its sockets before it learns that its replica has its place. The comparison of the shard with its new server may be over,
 * so nothing would notice that the entry is lost. A repeat asks the new server.
 */
const fromBefore = (): GatewayError =>
  new GatewayError('ledger_unavailable', 'Redis was replaced while it answered; retry with the same id or key', { outcome: 'unknown' });

/** An account that left Redis again, each time before the script ran. */
const notLoaded = (): GatewayError => notNow('the account could not be loaded; retry shortly');

/** A refusal before anything was sent. */
export const notNow = (message: string): GatewayError => new GatewayError('ledger_unavailable', message, { outcome: 'not_executed' });
