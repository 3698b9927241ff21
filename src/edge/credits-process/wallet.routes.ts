import { createHash } from 'node:crypto';
import Type from 'typebox';
import { giveBonusCredits, giveInitialCredits, type GiveCreditsDeps, type GivenCredits } from '../../credits/processes/give-credits.js';
import type { UsageLog } from '../../credits/processes/usage-log.table.js';
import { GatewayError } from '../../kit/errors.js';
import { LIST_BODY_BYTES_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros, MICROS_PER_CREDIT, type Micros } from '../../kit/money/micros.js';
import { serverKey } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountIdText, bodyOf, storedText } from '../http/schema.js';
import { INVALID, orNull, readEndpoint, type IdRules } from './fields.js';
import { toUsageLog, usageLogBody } from './usage-log-body.js';

export type WalletRouteDeps = GiveCreditsDeps & IdRules & {
  readonly initialCredits: Micros;
  readonly saveUsageLog: (accountId: string, payload: string) => Promise<UsageLog>;
};

/** Credits of one gift, in whole credits as the original takes them. */
const GIFT_MAX = 999_999_999;
const EMAIL_LENGTH_MAX = 320;

const Gift = () => Type.Integer({ minimum: 1, maximum: GIFT_MAX });
const initialBody = bodyOf(
  Type.Object({ user_id: accountIdText(), email: orNull(storedText(0, EMAIL_LENGTH_MAX)), credits: orNull(Gift()) }), INVALID,
);
const bonusBody = bodyOf(
  Type.Object({ user_id: accountIdText(), email: orNull(storedText(0, EMAIL_LENGTH_MAX)), credits: Gift() }), INVALID,
);

const Wallet = Type.Object({
  success: Type.Literal(true), status: Type.Integer(), message: Type.String(),
  data: Type.Object({
    _id: Type.String(), user: Type.String(), email: Type.Union([Type.String(), Type.Null()]),
    credits: Type.Union([Type.Number(), Type.Null()]),
    initial_credits_given: Type.Boolean(), bonus_credits_given: Type.Optional(Type.Literal(true)),
    created_at: Type.String(), updated_at: Type.String(),
  }),
});
const Logged = Type.Object({
  success: Type.Literal(true), status: Type.Literal(201), message: Type.String(),
  data: Type.Object({ _id: Type.String(), user: Type.String(), created_at: Type.String() }),
});

/**
 * What the shipped clients call beside the process itself (docs/contracts/credits-process.md#other-routes), on the
 * paths they have and on those they should have.
 */
export function walletRoutes(add: AddRoute, deps: WalletRouteDeps): void {
  const errors = ['limit_exceeded', 'account_frozen', 'ledger_unavailable'] as const;
  for (const path of [
    '/api/user-wallets/give-initial-credits', '/api/user-wallets/give-initial-credits/server',
    '/api/user-wallets/server/give-initial-credits',
  ]) {
    add('POST', path, serverKey('wallets'), {
      summary: 'Grant the initial credits of a user, once', headers: IdempotencyKeyHeader, body: initialBody,
      replies: { 200: Wallet, 202: Wallet }, replays: true, errors,
    }, async (ctx, { principal, body }) => {
      assertId(body.user_id, deps);
      const amount = typeof body.credits === 'number' ? wholeCredits(body.credits) : deps.initialCredits;
      const result = await giveInitialCredits(deps, {
        accountId: body.user_id, amount, actor: principal.name, key: idempotencyKey(ctx, principal),
      }).catch((error: unknown) => {
        // The original's 400; `conflict` elsewhere is 409.
        if (error instanceof GatewayError && error.code === 'conflict') {
          throw new GatewayError('invalid_request', error.message, { sources: [{ path: 'body.user_id', message: error.message }] });
        }
        throw error;
      });
      markReplayed(ctx, result.replayed);
      answer(ctx, 'Initial credits given successfully', body, result);
    });
  }
  for (const path of [
    '/api/user-wallets/give-bonus-credits', '/api/user-wallets/give-bonus-credits/server',
    '/api/user-wallets/server/give-bonus-credits',
  ]) {
    add('POST', path, serverKey('wallets'), {
      summary: 'Grant a bonus to a user', headers: IdempotencyKeyHeader, body: bonusBody, replies: { 200: Wallet, 202: Wallet },
      replays: true, errors: [...errors, 'idempotency_mismatch'],
    }, async (ctx, { principal, body }) => {
      assertId(body.user_id, deps);
      const result = await giveBonusCredits(deps, {
        accountId: body.user_id, amount: wholeCredits(body.credits), actor: principal.name, key: idempotencyKey(ctx, principal),
      });
      markReplayed(ctx, result.replayed);
      answer(ctx, 'Bonus credits given successfully', body, result, { bonus_credits_given: true });
    });
  }
  add('POST', '/api/feature-usage-logs', serverKey('telemetry'), {
    summary: 'Store telemetry of a client', body: usageLogBody, replies: { 201: Logged }, errors: ['ledger_unavailable'],
    bodyBytesMax: LIST_BODY_BYTES_MAX,
  }, async (ctx, { body }) => {
    const { user, payload } = toUsageLog(body);
    const { logId, atMs } = await deps.saveUsageLog(user, payload);
    reply(ctx, 201, {
      success: true, status: 201, message: 'Feature usage log created successfully',
      data: { _id: String(logId), user, created_at: new Date(atMs).toISOString() },
    });
  });
}

const wholeCredits = (credits: number): Micros => micros(credits * MICROS_PER_CREDIT);

/** Any endpoint will do: only the rules of ids are asked for. */
const assertId = (userId: string, rules: IdRules): void => { readEndpoint({ user_id: userId, feature_endpoint_value: 'any' }, rules); };

/** Wallets had ids of their own; here the account has one. Stable, and of the shape that clients store. */
const walletId = (accountId: string): string => createHash('sha256').update(`wallet ${accountId}`).digest('hex').slice(0, 24);

function answer(
  ctx: GatewayContext, message: string,
  { user_id: user, email = null }: { readonly user_id: string; readonly email?: string | null },
  { status, balance, atMs, hasInitial }: GivenCredits, more: object = {},
): void {
  const at = new Date(atMs).toISOString();
  const code = status === 'given' ? 200 : 202;
  reply(ctx, code, {
    success: true, status: code, message: status === 'given' ? message : 'Credits are recorded and will be available shortly',
    data: {
      _id: walletId(user), user, email, credits: balance === null ? null : toCredits(balance), initial_credits_given: hasInitial, ...more,
      created_at: at, updated_at: at,
    },
  });
}
