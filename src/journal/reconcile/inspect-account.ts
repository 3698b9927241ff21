import { SNAPSHOT_HOLDS_MAX } from '../../kit/limits.js';
import type { Fence } from '../../ledger/fence.js';
import type { Keyspace } from '../../ledger/keys.js';
import { amountAt, decodeFigures, FIGURES_END, textAt, type StoredFigures } from '../../ledger/replies.js';
import { inspectAccountScript } from '../../ledger/scripts.js';
import type { Reply, ScriptClient } from '../../stores/redis/script.js';

/** An account as Redis stores it, at one instant. */
export type StoredAccount = StoredFigures & {
  readonly epoch: number;
  /** The last entry in its shard's stream; 0-0: none. */
  readonly journalEnd: string;
  /** All of it as the script told it (lua/includes/inspection.lua): equal only for an account that is as it was. */
  readonly texts: readonly string[];
  /** Facts by lot id: `remaining:held:amount:expires_at_ms:granted_at_ms[:rule]`. */
  readonly lots: ReadonlyMap<string, string>;
  /** Ids of the lots that can be spent. */
  readonly live: ReadonlySet<string>;
  readonly openHolds: number;
  /** Amounts by hold id, as many as were asked for, soonest lease end first; for a hold that is not open: its state. */
  readonly holds: ReadonlyMap<string, string>;
};

/**
 * The holds of the books to compare these with. A report that is not journaled renews a lease in Redis only, so where a list is cut,
 * the two stores do not cut at the same hold: then the holds that Redis listed are read, and no others.
 */
export const holdsToCompare = (
  { openHolds, holds }: StoredAccount, holdsMax: number,
): { readonly holdIds: readonly string[]; readonly holdsMax: number } =>
  ({ holdIds: [...holds.keys()], holdsMax: openHolds > holds.size ? 0 : holdsMax });

export type InspectDeps = { readonly redis: ScriptClient; readonly keys: Keyspace; readonly fence: Pick<Fence, 'epochOf'> };

/** `closed`: the shard is being verified, or its epoch has just changed. */
export type Inspected = StoredAccount | 'not_loaded' | 'closed';

/** Reads an account from Redis unchanged: it loads nothing and ends nothing. `holdsMax`: how many open holds are listed, one at least. */
export async function inspectAccount(
  { redis, keys, fence: gate }: InspectDeps, accountId: string, { holdsMax = SNAPSHOT_HOLDS_MAX }: { readonly holdsMax?: number } = {},
): Promise<Inspected> {
  const epoch = gate.epochOf(keys.shardOf(accountId));
  if (epoch === null) return 'closed';
  const at = keys.account(accountId, epoch.number);
  const { fence, account, lots, lot, open, journal } = at;
  const reply = await inspectAccountScript.run(redis, { fence, account, lots, lot, open, journal }, {
    epoch: epoch.fence, holds_max: holdsMax, hold_prefix: at.hold(''),
  });
  switch (reply[0]) {
    case 'fenced': return 'closed';
    case 'not_loaded': return 'not_loaded';
    default: return decode(reply, epoch.number);
  }
}

function decode(reply: Reply, epoch: number): StoredAccount {
  let at = FIGURES_END;
  const count = (): number => amountAt(reply, at++);
  const text = (): string => textAt(reply, at++);
  const lots = new Map(Array.from({ length: count() }, (): [string, string] => [text(), text()]));
  const live = new Set(Array.from({ length: count() }, text));
  const openHolds = count();
  const holds = new Map(Array.from({ length: count() }, (): [string, string] => {
    const [id, state, amount] = [text(), text(), text()];
    return [id, state === 'open' ? amount : `not open (${state === '' ? 'no record' : state})`];
  }));
  return {
    ...decodeFigures(reply), epoch, journalEnd: textAt(reply, reply.length - 1), texts: reply.slice(1, -1), lots, live, openHolds, holds,
  };
}
