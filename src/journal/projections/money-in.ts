import { readKeysInUse, restoreIntents, type LostIntent } from '../../books/lost-intents.js';
import { intentIdOf, markApplied, readIntents, type AppliedIntent, type IdempotencyKey } from '../../books/money-in.table.js';
import { joined } from '../../kit/ids.js';
import { requestIn, type RequestFact } from '../../ledger/request-fact.js';
import type { Trx } from '../../stores/postgres/connect.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { ShardFault } from '../shard-fault.js';
import { oncePerBatch, type Projection } from './projection.js';

export const moneyIn: Projection<readonly AppliedIntent[]> = {
  name: 'money in',
  fold: async (batch, trx) => (await intentsOf(batch, trx)).applied,
  write: markApplied,
};

/** Requests that Postgres has lost, with their rows: it was an older copy, and the journal still has their entries. */
export const lostRequests: Projection<readonly LostIntent[]> = {
  name: 'lost requests',
  fold: async (batch, trx) => (await intentsOf(batch, trx)).lost,
  write: restoreIntents,
};

export type FoldedIntents = {
  readonly applied: readonly AppliedIntent[];
  /** Intents that Postgres has lost, and that their entries tell. */
  readonly lost: readonly LostIntent[];
  /** Entries of other intents that it has lost: their money has moved, so they are recorded in the quarantine. */
  readonly unknown: readonly UnknownIntent[];
};
type UnknownIntent = { readonly at: PlacedEntry; readonly reason: string };

export const intentsOf = oncePerBatch(({ fresh }, trx) => foldIntents(trx, fresh));

/** The intents of these entries. If an intent already has an entry, it was applied twice: the shard is stopped. */
async function foldIntents(trx: Trx, fresh: readonly PlacedEntry[]): Promise<FoldedIntents> {
  const found = fresh.flatMap((at) => {
    const intentId = intentIdOf(at.entry.key);
    return intentId === null ? [] : [{ at, intentId }];
  });
  const stored = await readIntents(trx, found.map(({ intentId }) => intentId));
  const applied: AppliedIntent[] = [];
  const missing: { at: PlacedEntry; intentId: number }[] = [];
  const seen = new Map<number, number>();
  for (const { at, intentId } of found) {
    const { accountId, seq } = at.entry;
    const intent = stored.get(intentId);
    const earlier = seen.get(intentId) ?? intent?.appliedSeq ?? null;
    if (earlier !== null || (intent !== undefined && intent.accountId !== accountId)) {
      throw new ShardFault(
        at.shard.shard, at.index,
        `intent ${intentId} of account ${intent?.accountId ?? accountId} is applied twice: by entry ${earlier ?? 'of another account'} `
        + `and by entry ${seq} of account ${accountId}`,
      );
    }
    seen.set(intentId, seq);
    if (intent === undefined) missing.push({ at, intentId });
    else applied.push({ intentId, accountId, seq });
  }
  return { applied, ...await findLost(trx, missing) };
}

/** Which of these intents can be recorded again: those that their entries tell and whose keys name no other request by now. */
async function findLost(
  trx: Trx, missing: readonly { readonly at: PlacedEntry; readonly intentId: number }[],
): Promise<Pick<FoldedIntents, 'lost' | 'unknown'>> {
  const told = missing.map(({ at, intentId }) => ({ at, intentId, found: requestIn(at.entry.about) }));
  const keys = told.flatMap(({ found }) => keyOf(found?.request) ?? []);
  const inUse = new Set((await readKeysInUse(trx, keys)).map(({ scope, key }) => joined(scope, key)));
  const lost: LostIntent[] = [];
  const unknown: UnknownIntent[] = [];
  for (const { at, intentId, found } of told) {
    const { accountId, seq, atMs } = at.entry;
    const key = keyOf(found?.request);
    if (found === null) {
      unknown.push({ at, reason: `no intent ${intentId} is known to Postgres` });
    } else if (key !== null && inUse.has(joined(key.scope, key.key))) {
      const reason = `Postgres had lost intent ${intentId}, and its key was used again: the same request was carried out twice`;
      unknown.push({ at, reason });
    } else {
      lost.push({ intentId, accountId, seq, atMs, ...found });
    }
  }
  return { lost, unknown };
}

const keyOf = ({ scope, key }: Partial<RequestFact> = {}): IdempotencyKey | null => (scope && key ? { scope, key } : null);
