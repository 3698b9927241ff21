import { GatewayError } from '../kit/errors.js';
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
export interface AccountScripts extends Pick<AccountLoader, 'restoreHold' | 'recallHold' | 'restoreReceipt'> {
  run<K extends string, A extends string>(
    script: Script<K, A>,
    accountId: string,
    keysOf: (account: AccountKeys) => Record<K, string>,
    args: ArgsOf<A> | ((account: AccountKeys) => ArgsOf<A>),
  ): Promise<Reply>;
}

type ArgsOf<A extends string> = Record<Exclude<A, Bound>, string | number>;

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
  const { client, keys, fence, acknowledged } = deps;
  const offsetMs = deps.timeOffsetMs ?? (() => 0);
  const timed = timer(deps.observe);

  const epochOf = (shard: number): Epoch => {
    const epoch = fence.epochOf(shard);
    if (epoch === null) throw notNow('the ledger is being verified; retry shortly');
    return epoch;
  };
  const loader = accountLoader({ ...deps, epochOf });

  return {
    async run(script, accountId, keysOf, args) {
      for (let loads = 0; ; loads += 1) {
        const shard = keys.shardOf(accountId);
        const epoch = epochOf(shard);
        const account = keys.account(accountId, epoch.number);
        // `args` is whatever is left of the script's arguments without the bound ones, which the compiler cannot add up;
        // and the trace of the call, where there is one (trace-scripts.ts). A literal, because adding them to an object one by one
        // takes twice the time.
        const all = {
          epoch: epoch.fence, time_offset_ms: offsetMs(), account_id: accountId, trace: '',
          ...typeof args === 'function' ? args(account) : args,
        } satisfies Record<Bound, string | number> as Parameters<typeof script.run>[2];
        const reply = await timed(script.name, () => script.run(client, keysOf(account), all));
        if (fence.epochOf(shard) !== epoch) throw fromBefore();
        if (reply[0] === 'fenced') {
          fence.suspect(shard);
          throw notNow('the ledger is being verified; retry shortly');
        }
        if (reply[0] !== 'not_loaded') {
          const streamId = journalIdOf(reply);
          if (streamId !== null) acknowledged.note(shard, epoch.number, accountId, streamId);
          return reply;
        }
        if (loads === LOADS_MAX) throw notNow('the account could not be loaded; retry shortly');
        await loader.load(accountId, account, epoch);
      }
    },
    restoreHold: loader.restoreHold,
    recallHold: loader.recallHold,
    restoreReceipt: loader.restoreReceipt,
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

/** A refusal before anything was sent. */
export const notNow = (message: string): GatewayError => new GatewayError('ledger_unavailable', message, { outcome: 'not_executed' });
