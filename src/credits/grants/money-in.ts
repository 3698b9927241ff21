import { readEntry } from '../../books/entry.table.js';
import {
  claimPending, insertIntent, readIntent, refuseIntent, reopenIntent, saveReply,
  type IdempotencyKey, type IntentRow, type NewIntent,
} from '../../books/money-in.table.js';
import { GatewayError } from '../../kit/errors.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { About, Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { hadNoEffect, isRetryable } from '../../stores/postgres/errors.js';
import { applyIntent, type AppliedMoney, type RefusedMoney } from './apply-intent.js';

/** `db` with the API's timeouts. */
export type MoneyInDeps = { readonly db: Db; readonly ledger: Ledger };

/** What every request to move money in or out says. */
type Request = {
  readonly accountId: string;
  /** JSON text with source, actor, reason and notes. */
  readonly about: About;
  /** The caller's name for this request, or null: then every call is a request of its own. */
  readonly idempotency: IdempotencyKey | null;
  /** Digest of the request as it came, to tell a repeat from another request under the same name (I4). */
  readonly fingerprint: string;
  /**
   * A refusal is not the last word: a repeat tries again, still under the first request's name. `by_anyone`: so does a
   * request with another fingerprint, and from then on the name is its own.
   */
  readonly retriesRefused?: boolean | 'by_anyone';
};

/** `expiresAtMs`: absolute, null for never. A repeat keeps the expiry of the first request. */
export type GrantCredits = Request & { readonly amount: Micros; readonly expiresAtMs: number | null };
export type SetCredits = GrantCredits;
export type RemoveCredits = Request & { readonly amount: Micros };
/** `delta` is negative to take away; `expiresAtMs` is of the lot that a positive one opens. */
export type AdjustCredits = Request & { readonly delta: Micros; readonly expiresAtMs: number | null };
export type RevokeCredits = Request & { readonly lotId: string };

export type MoneyInResult =
  | ({ readonly status: 'applied'; readonly intentId: number; readonly replayed: boolean } & AppliedMoney)
  | ({ readonly status: 'refused'; readonly intentId: number; readonly replayed: boolean } & RefusedMoney)
  /** Postgres has it, Redis has not answered: it will happen, once, as soon as Redis can. */
  | { readonly status: 'pending'; readonly intentId: number };

export type MoneyIn = {
  grant(command: GrantCredits): Promise<MoneyInResult>;
  set(command: SetCredits): Promise<MoneyInResult>;
  remove(command: RemoveCredits): Promise<MoneyInResult>;
  adjust(command: AdjustCredits): Promise<MoneyInResult>;
  /** Takes what is left of one lot: `previous` less `available`. */
  revoke(command: RevokeCredits): Promise<MoneyInResult>;
};

/**
 * Money that is moved by an administrator or a purchase: in Postgres before it is acknowledged (I6). An intent commits
 * first, then Redis applies it under the intent's own key, then the caller hears. A crash in between leaves a pending
 * intent that the worker applies under the same key.
 *
 * @throws GatewayError idempotency_mismatch; ledger_unavailable when Postgres is away, before anything happened.
 */
export function moneyIn(deps: MoneyInDeps): MoneyIn {
  type Terms = Pick<NewIntent, 'kind' | 'amount'> & Partial<Pick<NewIntent, 'expiresAtMs' | 'revokedLotId'>>;
  const submit = (command: Request, { expiresAtMs = null, revokedLotId = null, ...terms }: Terms): Promise<MoneyInResult> => {
    const { accountId, idempotency, fingerprint, about, retriesRefused = false } = command;
    return submitIntent(deps, { accountId, idempotency, fingerprint, about, expiresAtMs, revokedLotId, ...terms }, retriesRefused);
  };
  return {
    grant: (command) => submit(command, { kind: 'grant', amount: command.amount, expiresAtMs: command.expiresAtMs }),
    set: (command) => submit(command, { kind: 'set', amount: command.amount, expiresAtMs: command.expiresAtMs }),
    remove: (command) => submit(command, { kind: 'remove', amount: command.amount }),
    adjust: (command) => submit(command, { kind: 'adjust', amount: command.delta, expiresAtMs: command.expiresAtMs }),
    revoke: (command) => submit(command, { kind: 'revoke', amount: ZERO, revokedLotId: command.lotId }),
  };
}

async function submitIntent(deps: MoneyInDeps, intent: NewIntent, retriesRefused: boolean | 'by_anyone'): Promise<MoneyInResult> {
  const { row, isNew } = await insertIntent(deps.db, intent).catch(refuseOutage);
  // Whoever applies it: this request gave it, and all others repeat it.
  if (isNew) return perform(deps, row, false);
  const isOfSameKind = row.accountId === intent.accountId && row.kind === intent.kind;
  const isRepeat = isOfSameKind && row.fingerprint === intent.fingerprint;
  if (isOfSameKind && row.state === 'refused' && (retriesRefused === 'by_anyone' || (retriesRefused && isRepeat))) {
    const reopened = await reopenIntent(deps.db, row.intentId, intent).catch(refuseOutage);
    if (reopened !== null) return perform(deps, reopened, false); // what was refused did not happen, so this is the first time
  }
  if (!isRepeat) throw new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');
  return await answerOf(deps.db, row) ?? perform(deps, row, true);
}

/** A connection that broke under way may have committed the intent: the worker would then apply it. */
function refuseOutage(error: unknown): never {
  if (!isRetryable(error)) throw error;
  throw new GatewayError('ledger_unavailable', 'the ledger database did not answer; nothing can be added or removed now', {
    outcome: hadNoEffect(error) ? 'not_executed' : 'unknown',
    cause: error,
  });
}

/** Answers of finished intents are stored as they were given. */
type StoredReply = ({ readonly status: 'applied' } & AppliedMoney) | ({ readonly status: 'refused' } & RefusedMoney);

/** The first answer to an intent, or null when it must be asked for again (under the same key, so it is the same). */
async function answerOf(db: Db, row: IntentRow): Promise<MoneyInResult | null> {
  if (row.reply !== null) return { ...(row.reply as StoredReply), intentId: row.intentId, replayed: true };
  if (row.appliedSeq === null) return null;
  // Applied, but whoever applied it died before it could store its answer: the entry says the same.
  const entry = await readEntry(db, row.accountId, row.appliedSeq).catch(refuseOutage);
  if (entry === null) throw new Error(`intent ${row.intentId} is applied, but entry ${row.appliedSeq} of ${row.accountId} is missing`);
  const { granted, removed, available, availableAfter, debt } = entry;
  const opens = granted > 0 || row.kind === 'set';
  return {
    status: 'applied', intentId: row.intentId, replayed: true,
    lotId: opens ? row.intentId : null,
    // What was granted, less the debt it paid; nothing of it can have been there before.
    remaining: opens ? micros(granted + debt) : null,
    expiresAtMs: opens ? row.expiresAtMs : null,
    previous: micros(row.kind === 'set' ? removed : availableAfter - available),
    available: availableAfter,
    debtPaid: micros(row.kind === 'set' ? 0 : 0 - debt),
  };
}

/**
 * Lets Redis apply an intent that is committed, for the request that recorded it or for a repeat. From here on, an
 * outage can only mean `pending`.
 */
async function perform({ db, ledger }: MoneyInDeps, row: IntentRow, replayed: boolean): Promise<MoneyInResult> {
  const { intentId } = row;
  const pending: MoneyInResult = { status: 'pending', intentId };
  const reply = await applyIntent(ledger, row).catch((error: unknown) => {
    if (error instanceof GatewayError && error.code === 'ledger_unavailable') return null;
    throw error;
  });
  if (reply === null) return pending;
  try {
    if (reply.status === 'applied') {
      // Redis may have known it from a repeat that was faster: that repeat heard that it was one.
      await saveReply(db, intentId, { ...reply, replayed: undefined }).catch(ignoreOutage);
      return { ...reply, intentId, replayed };
    }
    // Refused in Postgres before anybody hears of it; else the worker would try again and might succeed.
    const refused = await refuseIntent(db, intentId, reply);
    if (refused) return { ...reply, intentId, replayed };
    const now = await readIntent(db, intentId);
    return (now === null ? null : await answerOf(db, now)) ?? pending;
  } catch (error) {
    if (isRetryable(error)) return pending;
    throw error;
  }
}

/** The stored answer only saves a repeat its way to Redis. */
function ignoreOutage(error: unknown): void {
  if (!isRetryable(error)) throw error;
}

export type ReplayReport = { readonly applied: number; readonly refused: number; readonly pending: number };

/**
 * Applies intents that were committed but not seen in the journal for `olderThanMs`: their gateway died, or Redis was
 * away. Under the same key, so that one which Redis knows is only answered again; harmless to run twice.
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
