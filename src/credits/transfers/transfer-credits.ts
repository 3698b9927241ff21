import { readIntentOfKey } from '../../books/money-in.table.js';
import type { Freshen } from '../../journal/freshen.js';
import type { CallerKey } from '../../kit/caller.js';
import { accountFrozen, GatewayError, invalid } from '../../kit/errors.js';
import { fingerprint, newId } from '../../kit/ids.js';
import { LOTS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Lot } from '../../ledger/account-snapshot.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { isRetryable, toGatewayError } from '../../stores/postgres/errors.js';
import type { MovedLot } from '../grants/apply-intent.js';
import { keyReused, refuseOutage, type MoneyIn } from '../grants/money-in.js';
import { idempotencyOf } from '../grants/money-request.js';
import {
  endTransfer, insertTransfer, readSentParts, readTransfer, readTransferOfKey, RECEIVE_SCOPE, SEND_SCOPE,
  type TransferExpiry, type TransferRow,
} from './transfer.table.js';

export type TransferDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly moneyIn: Pick<MoneyIn, 'send' | 'receive'>;
  readonly freshen: Pick<Freshen, 'account'>;
};

export type TransferCommand = {
  readonly from: string;
  readonly to: string;
  /** Above zero. */
  readonly amount: Micros;
  readonly expiry: TransferExpiry;
  readonly reason: string;
  readonly actor: string;
  /** The caller's name for this request; null: every request is another transfer. */
  readonly key: CallerKey | null;
};

export type Transferred = { readonly transfer: TransferRow; readonly replayed: boolean };

/**
 * Moves credits to another account: both entries are written, or none. The accounts may be on different servers, so no script can
 * write both. A row in Postgres comes first; then the debit, which may be refused; then, when the debit is in Postgres, too,
 * the credit, which is never refused: while the target cannot receive, because it was frozen or filled in the meantime, the transfer is
 * pending. Each step has a key of its own, so `advanceTransfer` may repeat any of them.
 *
 * @throws GatewayError invalid_request (to itself), account_frozen, limit_exceeded (the target has no room for more lots),
 *   idempotency_mismatch, ledger_unavailable (nothing happened).
 */
export async function transferCredits(deps: TransferDeps, command: TransferCommand): Promise<Transferred> {
  const { from, to, amount, expiry, reason, actor, key } = command;
  if (from === to) throw invalid('body.to', 'must be another account than `from`');
  const asked = fingerprint('transfer', from, to, amount, expiry === 'lots' ? 'lots' : expiry.expiresAtMs, reason);
  const named = idempotencyOf('transfer', key);
  const known = named === null ? null : await readTransferOfKey(deps.db, named).catch(refuseOutage);
  if (known === null) {
    await checkTarget(deps, command).catch(async (error: unknown) => {
      // Another try of this request may have gone in meanwhile, and be what leaves no room for it.
      if (named === null || await readTransferOfKey(deps.db, named).catch(refuseOutage) === null) throw error;
    });
  }
  const { row, isNew } = known !== null ? { row: known, isNew: false } : await insertTransfer(deps.db, {
    from, to, amount, expiry, reason, actor, fingerprint: asked, idempotency: named ?? { scope: 'transfer', key: newId() },
  }).catch(refuseOutage);
  if (row.fingerprint !== asked) throw keyReused();
  return { transfer: await advanceTransfer(deps, row), replayed: !isNew };
}

/** Refuses before anything has moved what would otherwise have to wait. */
async function checkTarget({ ledger }: TransferDeps, { from, to, amount, expiry }: TransferCommand): Promise<void> {
  const [source, target] = await Promise.all([ledger.readAccount(from), ledger.readAccount(to)]);
  if (target.frozen) throw accountFrozen();
  const leaving = lotsFor(source.lots, amount);
  const arriving = expiry === 'lots' ? leaving.length : new Set(leaving.map(({ rule }) => rule)).size;
  if (target.lots.length + arriving > LOTS_PER_ACCOUNT_MAX) {
    throw new GatewayError('limit_exceeded', `the target would have more than ${LOTS_PER_ACCOUNT_MAX} live allocations`);
  }
}

/** The lots that, in the order in which they are spent, cover an amount. */
function lotsFor(lots: readonly Lot[], amount: Micros): Lot[] {
  let left: number = amount;
  return lots.filter(({ remaining }) => {
    const isNeeded = left > 0 && remaining > 0;
    left -= remaining;
    return isNeeded;
  });
}

/**
 * Brings a transfer as far as it can go now. Any number of processes may do so at once, and each of them may stop anywhere: every
 * step happens once. An outage leaves it pending.
 */
export async function advanceTransfer(deps: TransferDeps, row: TransferRow): Promise<TransferRow> {
  if (row.state !== 'pending') return row;
  try {
    const sent = await send(deps, row);
    if (sent !== null) return sent;
    const parts = await partsOf(deps, row);
    if (parts === null || !await receive(deps, row, parts)) return row;
    return await endTransfer(deps.db, row.transferId, { state: 'completed' });
  } catch (error) {
    if (isRetryable(error) || (error instanceof GatewayError && error.code === 'ledger_unavailable')) return row;
    throw error;
  }
}

const idempotencyKey = (scope: string, { transferId }: TransferRow) => ({ scope, key: String(transferId) });

/** The debit. Null: it was made, and the transfer goes on. Otherwise the transfer ends here, or waits. */
async function send({ db, moneyIn }: TransferDeps, row: TransferRow): Promise<TransferRow | null> {
  const { transferId, from, to, amount, reason, actor } = row;
  const result = await moneyIn.send({
    accountId: from, amount, idempotency: idempotencyKey(SEND_SCOPE, row), fingerprint: fingerprint('transfer', transferId),
    about: writeFacts({
      type: 'change', source: 'transfer', actor, reason, notes: `transfer to ${to}: ${reason}`, to, transfer: transferId,
    }),
  });
  switch (result.status) {
    case 'applied':
      return null;
    case 'pending':
      return row;
    case 'refused': {
      const isShort = result.reason === 'insufficient_credits';
      return endTransfer(db, transferId, {
        state: 'refused', refusal: isShort ? 'insufficient_credits' : 'account_frozen', available: isShort ? result.available : null,
      });
    }
  }
}

/**
 * The lots that the debit took, from its entry in Postgres; null while Postgres does not have it. So nothing is granted for a debit
 * that a loss of Redis could undo.
 */
async function partsOf({ db, freshen }: TransferDeps, row: TransferRow): Promise<MovedLot[] | null> {
  const { from, expiry } = row;
  const key = idempotencyKey(SEND_SCOPE, row);
  let seq = (await readIntentOfKey(db, key))?.appliedSeq ?? null;
  if (seq === null) {
    await freshen.account(from);
    seq = (await readIntentOfKey(db, key))?.appliedSeq ?? null;
  }
  if (seq === null) return null;
  const parts = await readSentParts(db, from, seq);
  if (parts === null || expiry === 'lots') return parts;
  const byRule = new Map<string, Micros>();
  for (const { amount, rule } of parts) byRule.set(rule, micros((byRule.get(rule) ?? 0) + amount));
  return [...byRule].map(([rule, amount]) => ({ amount, expiresAtMs: expiry.expiresAtMs, rule }));
}

/** The credit. False: the target cannot receive it now. */
async function receive(
  { moneyIn }: TransferDeps, row: TransferRow, lots: readonly MovedLot[],
): Promise<boolean> {
  const { transferId, from, to, amount, reason, actor } = row;
  const { status } = await moneyIn.receive({
    accountId: to, amount, lots, idempotency: idempotencyKey(RECEIVE_SCOPE, row), fingerprint: fingerprint('transfer', transferId),
    about: writeFacts({
      type: 'change', source: 'transfer', actor, reason, notes: `transfer from ${from}: ${reason}`, from, transfer: transferId,
    }),
  });
  return status === 'applied';
}

/** A transfer by its id, or null. @throws GatewayError ledger_unavailable. */
export const showTransfer = (db: Db, transferId: number): Promise<TransferRow | null> =>
  readTransfer(db, transferId).catch((error: unknown) => { throw toGatewayError(error); });
