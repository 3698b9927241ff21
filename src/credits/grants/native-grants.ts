import { lotIdOf, readAccountOfKey, readIntent, type IdempotencyKey } from '../../books/money-in.table.js';
import type { CallerKey } from '../../kit/caller.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import { ruleText, type LotRule } from '../../ledger/lot-rule.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { MoneyIn } from './money-in.js';
import { idempotencyOf, refusalOf } from './money-request.js';

export type NativeGrantDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>; readonly clock: Clock };

/** Why and by whom, kept with the entry. */
type Told = { readonly actor: string; readonly reason: string | null; readonly key: CallerKey | null };

export type GrantLotCommand = Told & {
  readonly accountId: string;
  readonly amount: Micros;
  /** Absolute; null: never. */
  readonly expiresAtMs: number | null;
  /** Where the credits come from: `purchase`, `bonus`, or any word of the caller. */
  readonly source: string;
  readonly rule: LotRule;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
};

/** `pending`: recorded in Postgres and applied as soon as Redis answers. `id` names the lot from now on. */
export type GrantedLot =
  | {
    readonly status: 'applied'; readonly id: number; readonly remaining: Micros; readonly debtPaid: Micros; readonly available: Micros;
    readonly expiresAtMs: number | null; readonly replayed: boolean;
  }
  | { readonly status: 'pending'; readonly id: number };

/**
 * Grants a lot. It is in Postgres before it is acknowledged (I6).
 *
 * @throws GatewayError invalid_request (the expiry has passed), limit_exceeded, account_frozen, idempotency_mismatch,
 *   ledger_unavailable (nothing happened).
 */
export async function grantLot({ db, moneyIn, clock }: NativeGrantDeps, command: GrantLotCommand): Promise<GrantedLot> {
  const { accountId, amount, expiresAtMs, source, actor, reason, metadata, key } = command;
  const rule = ruleText(command.rule);
  const idempotency = idempotencyOf('grant', key);
  // Of a repeat the expiry may have passed since the first request.
  if (expiresAtMs !== null && expiresAtMs <= clock() && !(idempotency !== null && await isKnown(db, idempotency))) {
    throw invalid('body.expiresAt', 'must be a time to come');
  }
  const about = writeFacts({
    type: 'change', source, actor, ...(reason === null ? {} : { reason }), ...(metadata === undefined ? {} : { metadata }),
  });
  const result = await moneyIn.grant({
    accountId, amount, expiresAtMs, about, idempotency, rule,
    // Without a rule it is as it was before there were any, so that a request keeps its own over releases.
    fingerprint: fingerprint(
      'v1/grants', accountId, amount, expiresAtMs, source, reason, JSON.stringify(metadata ?? null), ...(rule === '' ? [] : [rule]),
    ),
  });
  switch (result.status) {
    case 'applied':
      return {
        status: 'applied', id: result.intentId, remaining: result.remaining ?? amount, debtPaid: result.debtPaid,
        available: result.available, expiresAtMs: result.expiresAtMs, replayed: result.replayed,
      };
    case 'pending':
      return { status: 'pending', id: result.intentId };
    case 'refused':
      throw refusalOf(result.reason);
  }
}

const isKnown = async (db: Db, key: IdempotencyKey): Promise<boolean> =>
  (await readAccountOfKey(db, key).catch((error: unknown) => { throw toGatewayError(error); })) !== null;

export type RevokeGrantCommand = Told & {
  readonly grantId: number;
  /** Whether the caller may act on the account of the grant; otherwise there is no such grant for them. */
  readonly mayActOn: (accountId: string) => boolean;
};

/** `revoked`: what was left of the lot and available; what is held of it ends with its hold. */
export type RevokedGrant =
  | {
    readonly status: 'applied'; readonly accountId: string; readonly revoked: Micros; readonly available: Micros;
    readonly replayed: boolean;
  }
  | { readonly status: 'pending'; readonly accountId: string };

/**
 * Removes what is left of a granted lot.
 *
 * @throws GatewayError not_found (no such grant, or nothing is left of it), account_frozen, idempotency_mismatch, ledger_unavailable.
 */
export async function revokeGrant({ db, moneyIn }: Omit<NativeGrantDeps, 'clock'>, command: RevokeGrantCommand): Promise<RevokedGrant> {
  const { grantId, mayActOn, actor, reason, key } = command;
  const intent = await readIntent(db, grantId).catch((error: unknown) => { throw toGatewayError(error); });
  if (intent === null || intent.state === 'refused' || !mayActOn(intent.accountId)) {
    throw new GatewayError('not_found', 'there is no such grant');
  }
  const { accountId } = intent;
  const lotId = lotIdOf(grantId);
  const result = await moneyIn.revoke({
    accountId, lotId, about: writeFacts({ type: 'change', source: 'revocation', actor, ...(reason === null ? {} : { reason }) }),
    idempotency: idempotencyOf('revoke', key), fingerprint: fingerprint('v1/grants/revoke', accountId, lotId, reason),
  });
  switch (result.status) {
    case 'applied':
      return {
        status: 'applied', accountId, revoked: micros(result.previous - result.available), available: result.available,
        replayed: result.replayed,
      };
    case 'pending':
      return { status: 'pending', accountId };
    case 'refused':
      throw refusalOf(result.reason);
  }
}
