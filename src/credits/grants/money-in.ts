import { readEntry } from '../../books/entry.table.js';
import {
  claimPending, insertIntent, readIntent, refuseIntent, reopenIntent, saveReply,
  type IdempotencyKey, type IntentRow, type NewIntent,
} from '../../books/money-in.table.js';
import { orLate } from '../../kit/deadline.js';
import { GatewayError } from '../../kit/errors.js';
import { SAVE_REPLY_MS } from '../../kit/limits.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { About, Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { hadNoEffect, isRetryable } from '../../stores/postgres/errors.js';
import { applyIntent, type AppliedMoney, type MovedLot, type RefusedMoney } from './apply-intent.js';

/** `db` with the API's timeouts. */
export type MoneyInDeps = { readonly db: Db; readonly ledger: Ledger };

/** The fields of every request that adds or removes credits. */
type Request = {
  readonly accountId: string;
  /** JSON text with source, actor, reason and notes. */
  readonly about: About;
  /** The caller's idempotency key, or null: then every call is a separate request. */
  readonly idempotency: IdempotencyKey | null;
  /** Digest of the request, to tell a repeat from another request under the same key (I4). */
  readonly fingerprint: string;
  /**
   * A repeat after a refusal tries again under the same key. `by_anyone`: a request with another fingerprint may try again,
   * too, and then takes over the key.
   */
  readonly retriesRefused?: boolean | 'by_anyone';
};

/** `expiresAtMs`: absolute; null: never. A repeat keeps the expiry of the first request. */
export type GrantCredits = Request & { readonly amount: Micros; readonly expiresAtMs: number | null };
export type SetCredits = GrantCredits;
/** `rule`: when the lot is used and what for (ledger/lot-rule.ts); by default it has none. */
export type GrantWithRule = GrantCredits & { readonly rule?: string };
export type RemoveCredits = Request & { readonly amount: Micros };
/** A negative `delta` removes credits; `expiresAtMs` is the expiry of the lot that a positive one opens. */
export type AdjustCredits = Request & { readonly delta: Micros; readonly expiresAtMs: number | null };
export type RevokeCredits = Request & { readonly lotId: string };
export type ReceiveCredits = Request & { readonly amount: Micros; readonly lots: readonly MovedLot[] };

export type MoneyInResult =
  | ({ readonly status: 'applied'; readonly intentId: number; readonly replayed: boolean } & AppliedMoney)
  | ({ readonly status: 'refused'; readonly intentId: number; readonly replayed: boolean } & RefusedMoney)
  /** In Postgres, but Redis has not answered: a worker applies it once, as soon as Redis is up. */
  | { readonly status: 'pending'; readonly intentId: number; readonly expiresAtMs: number | null };

export type MoneyIn = {
  grant(command: GrantWithRule): Promise<MoneyInResult>;
  set(command: SetCredits): Promise<MoneyInResult>;
  remove(command: RemoveCredits): Promise<MoneyInResult>;
  adjust(command: AdjustCredits): Promise<MoneyInResult>;
  /** Removes the rest of one lot: `previous` minus `available`. */
  revoke(command: RevokeCredits): Promise<MoneyInResult>;
  /** The two halves of a transfer (credits/transfers). What was sent is `pending` until it can be received. */
  send(command: RemoveCredits): Promise<MoneyInResult>;
  receive(command: ReceiveCredits): Promise<MoneyInResult>;
};

/**
 * Credits that an administrator or a purchase adds or removes. They are in Postgres before they are acknowledged (I6): an
 * intent commits first, then Redis applies it under the key of the intent, then the caller gets the answer. A crash in
 * between leaves a pending intent, which the worker applies under the same key.
 *
 * @throws GatewayError idempotency_mismatch; ledger_unavailable when Postgres is down, before anything happened.
 */
export function moneyIn(deps: MoneyInDeps): MoneyIn {
  type Terms = Pick<NewIntent, 'kind' | 'amount'> & Partial<Pick<NewIntent, 'expiresAtMs' | 'revokedLotId' | 'parts' | 'rule'>>;
  const submit = (command: Request, { expiresAtMs = null, revokedLotId = null, ...terms }: Terms): Promise<MoneyInResult> => {
    const { accountId, idempotency, fingerprint, about, retriesRefused = false } = command;
    return submitIntent(deps, { accountId, idempotency, fingerprint, about, expiresAtMs, revokedLotId, ...terms }, retriesRefused);
  };
  return {
    grant: ({ rule = '', ...command }) =>
      submit(command, { kind: 'grant', amount: command.amount, expiresAtMs: command.expiresAtMs, rule }),
    set: (command) => submit(command, { kind: 'set', amount: command.amount, expiresAtMs: command.expiresAtMs }),
    remove: (command) => submit(command, { kind: 'remove', amount: command.amount }),
    adjust: (command) => submit(command, { kind: 'adjust', amount: command.delta, expiresAtMs: command.expiresAtMs }),
    revoke: (command) => submit(command, { kind: 'revoke', amount: ZERO, revokedLotId: command.lotId }),
    send: (command) => submit(command, { kind: 'transfer_out', amount: command.amount }),
    receive: (command) => submit(command, { kind: 'transfer_in', amount: command.amount, parts: JSON.stringify(command.lots) }),
  };
}

async function submitIntent(deps: MoneyInDeps, intent: NewIntent, retriesRefused: boolean | 'by_anyone'): Promise<MoneyInResult> {
  const { row, isNew } = await insertIntent(deps.db, intent).catch(refuseOutage);
  // Even if another process applies it, this request was the first; all others are repeats.
  if (isNew) return perform(deps, row, false);
  const isOfSameKind = row.accountId === intent.accountId && row.kind === intent.kind;
  const isRepeat = isOfSameKind && row.fingerprint === intent.fingerprint;
  if (isOfSameKind && row.state === 'refused' && (retriesRefused === 'by_anyone' || (retriesRefused && isRepeat))) {
    const reopened = await reopenIntent(deps.db, row.intentId, intent).catch(refuseOutage);
    if (reopened !== null) return perform(deps, reopened, false); // a refused request changed nothing, so this is the first one
  }
  if (!isRepeat) throw keyReused();
  return repeatIntent(deps, row);
}

export const keyReused = (): GatewayError =>
  new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');

/** The answer to a request whose intent exists: the stored one, or that of another attempt to apply it. */
export const repeatIntent = async (deps: MoneyInDeps, row: IntentRow): Promise<MoneyInResult> =>
  await answerOf(deps.db, row) ?? perform(deps, row, true);

/** After a broken connection the intent may be committed, and the worker would then apply it. */
export function refuseOutage(error: unknown): never {
  if (!isRetryable(error)) throw error;
  throw new GatewayError('ledger_unavailable', 'the ledger database did not answer; nothing can be added or removed now', {
    outcome: hadNoEffect(error) ? 'not_executed' : 'unknown',
    cause: error,
  });
}

/** The answers of finished intents are stored. */
type StoredReply = ({ readonly status: 'applied' } & AppliedMoney) | ({ readonly status: 'refused' } & RefusedMoney);

/** The stored answer of an intent, or null when Redis must be asked again (under the same key, so the answer is the same). */
async function answerOf(db: Db, row: IntentRow): Promise<MoneyInResult | null> {
  if (row.reply !== null) return { ...(row.reply as StoredReply), intentId: row.intentId, replayed: true };
  if (row.appliedSeq === null) return null;
  // Applied, but the process crashed before it stored the answer: the entry has the same values.
  const entry = await readEntry(db, row.accountId, row.appliedSeq).catch(refuseOutage);
  if (entry === null) throw new Error(`intent ${row.intentId} is applied, but entry ${row.appliedSeq} of ${row.accountId} is missing`);
  const { granted, removed, available, availableAfter, debt } = entry;
  const opens = granted > 0 || row.kind === 'set';
  return {
    status: 'applied', intentId: row.intentId, replayed: true,
    lotId: opens ? row.intentId : null,
    // The granted amount minus the repaid debt: the lot is new.
    remaining: opens ? micros(granted + debt) : null,
    expiresAtMs: opens ? row.expiresAtMs : null,
    previous: micros(row.kind === 'set' ? removed : availableAfter - available),
    available: availableAfter,
    debtPaid: micros(row.kind === 'set' ? 0 : 0 - debt),
  };
}

/**
 * Applies a committed intent in Redis, for the request that recorded it or for a repeat. From here on, an outage gives
 * `pending`.
 */
export async function perform({ db, ledger }: MoneyInDeps, row: IntentRow, replayed: boolean): Promise<MoneyInResult> {
  const { intentId } = row;
  const pending: MoneyInResult = { status: 'pending', intentId, expiresAtMs: row.expiresAtMs };
  const reply = await applyIntent(ledger, row).catch((error: unknown) => {
    if (error instanceof GatewayError && error.code === 'ledger_unavailable') return null;
    throw error;
  });
  if (reply === null || reply.status === 'waiting') return pending;
  try {
    if (reply.status === 'applied') {
      // A faster repeat may have applied it in Redis; that repeat was answered as a repeat.
      const saving = saveReply(db, intentId, { ...reply, replayed: undefined }).catch(ignoreOutage);
      await orLate(SAVE_REPLY_MS, saving, () => undefined);
      return { ...reply, intentId, replayed };
    }
    // The refusal is stored before it is answered; otherwise the worker would try again and might succeed.
    const refused = await refuseIntent(db, intentId, reply);
    if (refused) return { ...reply, intentId, replayed };
    const now = await readIntent(db, intentId);
    return (now === null ? null : await answerOf(db, now)) ?? pending;
  } catch (error) {
    if (isRetryable(error)) return pending;
    throw error;
  }
}

/** The stored answer only saves a repeat the call to Redis. */
function ignoreOutage(error: unknown): void {
  if (!isRetryable(error)) throw error;
}

export type ReplayReport = { readonly applied: number; readonly refused: number; readonly pending: number };

/**
 * Applies intents that were committed more than `olderThanMs` ago and are not in the journal: their process crashed, or Redis
 * was down. It uses the same keys, so Redis applies each intent once, and two runs may overlap.
 */
export async function replayPending(deps: MoneyInDeps, olderThanMs: number, limit: number): Promise<ReplayReport> {
  const rows = await claimPending(deps.db, olderThanMs, limit).catch(refuseOutage);
  const report = { applied: 0, refused: 0, pending: 0 };
  for (const row of rows) {
    const { status } = await perform(deps, row, true);
    report[status] += 1;
  }
  return report;
}
