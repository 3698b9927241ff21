import Type from 'typebox';
import type { AdjustCreditsCommand } from '../../credits/grants/adjust-credits.js';
import type { ChangedCredits, MoneyOperation, MoneyRequest } from '../../credits/grants/money-request.js';
import type { RemoveCreditsCommand } from '../../credits/grants/remove-credits.js';
import type { SetCreditsCommand } from '../../credits/grants/set-credits.js';
import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { Principal } from '../../kit/principal.js';
import { writeFacts } from '../../ledger/facts.js';
import { allow } from '../auth/allow.js';
import { Credits, CreditsReply, readAmount, readPositiveAmount, type AmountField } from '../http/amount.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf } from '../http/schema.js';
import {
  EXPIRY_DAYS_DEFAULT, expiryField, knownTarget, notesField, targetFields, type TargetAccount, type TargetDeps,
} from './admin-target.js';

/** The use cases with their deps. */
export type AdministrationDeps = TargetDeps & {
  readonly set: (command: SetCreditsCommand) => Promise<ChangedCredits>;
  readonly remove: (command: RemoveCreditsCommand) => Promise<ChangedCredits>;
  readonly adjust: (command: AdjustCreditsCommand) => Promise<ChangedCredits>;
};

const INVALID_SET = 'Valid userId and non-negative credits required';
const INVALID_REMOVE = 'Valid userId and positive credits amount required';
const INVALID_ADJUST = 'Valid userId and non-zero adjustment required';

const setBody = bodyOf(Type.Object({ ...targetFields, credits: Credits(), ...expiryField, ...notesField }), INVALID_SET);
const removeBody = bodyOf(Type.Object({ ...targetFields, credits: Credits(), ...notesField }), INVALID_REMOVE);
const adjustBody = bodyOf(Type.Object({ ...targetFields, adjustment: Credits(), ...expiryField, ...notesField }), INVALID_ADJUST);

const fields = { userId: Type.String(), previousCredits: CreditsReply(), newCredits: CreditsReply(), message: Type.String() };
const WasSet = Type.Object(fields);
const Removed = Type.Object({ ...fields, removedCredits: CreditsReply() });
const Adjusted = Type.Object({ ...fields, adjustment: CreditsReply() });
const Pending = Type.Object({ status: Type.Literal('pending'), id: Type.Integer(), userId: Type.String(), message: Type.String() });

const gate = allow('admin', 'supervisor');
const declared = { headers: IdempotencyKeyHeader, replays: true } as const;
const errors = ['account_not_found', 'conflict', 'account_frozen', 'idempotency_mismatch', 'ledger_unavailable'] as const;
/** The original says 400, not 402, when an administrator takes more than there is; what it says names both amounts. */
const short = (path: string) => ({ insufficient_credits: { path, status: 400 } });

/**
 * What administrators do to an account's credits (docs/contracts/accounting-service.md#credits, seed 000). Before and
 * after come from one step.
 */
export function adminRoutes(add: AddRoute, deps: AdministrationDeps): void {
  add('POST', '/api/credits/set', gate, {
    ...declared, summary: 'Set the available credits of an account', body: setBody, replies: { 200: WasSet, 202: Pending },
    errors: [...errors, 'limit_exceeded'],
  }, async (ctx, call) => {
    const { credits, expiryDays, notes } = call.body;
    const amount = readAmount(credits, { path: 'body.credits', message: INVALID_SET });
    const n = toCredits(amount);
    const { account, request } = await prepare(deps, ctx, call, 'set', INVALID_SET, notes ?? `Credits set to absolute amount: ${n}`);
    const change = await deps.set({ ...request, amount, expiryDays: expiryDays ?? EXPIRY_DAYS_DEFAULT });
    present(ctx, account, change, { message: `Credits set to ${n} for user ${account.displayName}` }, () => {
      throw new Error('a balance was set, and refused for lack of credits');
    });
  });

  add('DELETE', '/api/credits/remove', gate, {
    ...declared, summary: 'Remove credits', body: removeBody, replies: { 200: Removed, 202: Pending },
    errors, wording: short('body.credits'),
  }, async (ctx, call) => {
    const { credits, notes } = call.body;
    const amount = readPositiveAmount(credits, { path: 'body.credits', message: INVALID_REMOVE });
    const n = toCredits(amount);
    const { account, request } = await prepare(deps, ctx, call, 'remove', INVALID_REMOVE, notes ?? null);
    const change = await deps.remove({ ...request, amount });
    present(ctx, account, change, { removedCredits: n, message: `Removed ${n} credits from user ${account.displayName}` },
      (balance) => `Insufficient credits. User has ${balance}, trying to remove ${n}`);
  });

  add('PUT', '/api/credits/adjust', gate, {
    ...declared, summary: 'Add or remove credits', body: adjustBody, replies: { 200: Adjusted, 202: Pending },
    errors: [...errors, 'limit_exceeded'], wording: short('body.adjustment'),
  }, async (ctx, call) => {
    const { adjustment, expiryDays, notes } = call.body;
    const delta = readAdjustment(adjustment, { path: 'body.adjustment', message: INVALID_ADJUST });
    const n = toCredits(delta);
    const { account, request } = await prepare(
      deps, ctx, call, 'adjust', INVALID_ADJUST, notes ?? `Credit adjustment: ${n > 0 ? '+' : ''}${n}`,
    );
    const change = await deps.adjust({ ...request, delta, expiryDays: expiryDays ?? EXPIRY_DAYS_DEFAULT });
    present(ctx, account, change, { adjustment: n, message: `Adjusted credits by ${n} for user ${account.displayName}` },
      (balance) => `Adjustment would result in negative balance. Current: ${balance}, Adjustment: ${n}`);
  });
}

/** An amount with a sign, and not zero. */
function readAdjustment(value: number | string, field: AmountField): Micros {
  if (typeof value === 'number' ? value < 0 : /^-\d/.test(value)) {
    return micros(0 - readPositiveAmount(typeof value === 'number' ? -value : value.slice(1), field));
  }
  return readPositiveAmount(value, field);
}

type AdminCall = { readonly principal: Principal; readonly body: { readonly userId?: string; readonly targetUserId?: string } };

/** Finds the account, and says everything about the request that the operations have in common. */
async function prepare(
  deps: TargetDeps, ctx: GatewayContext, { principal, body }: AdminCall, operation: MoneyOperation, message: string, notes: string | null,
): Promise<{ readonly account: TargetAccount; readonly request: MoneyRequest }> {
  const key = idempotencyKey(ctx, principal);
  const actor = principal.accountId;
  const account = await knownTarget(deps, { body, operation, key, message });
  const about = writeFacts({ type: 'change', source: 'administration', actor, notes });
  return { account, request: { accountId: account.accountId, target: account.target, key, about } };
}

/** `insufficient`: what the original says, given the balance. */
function present(
  ctx: GatewayContext, { accountId }: TargetAccount, change: ChangedCredits, facts: object,
  insufficient: (balance: number) => string,
): void {
  switch (change.status) {
    case 'changed':
      markReplayed(ctx, change.replayed);
      reply(ctx, 200, {
        userId: accountId, previousCredits: toCredits(change.previous), newCredits: toCredits(change.available), ...facts,
      });
      return;
    case 'pending':
      reply(ctx, 202, {
        status: 'pending', id: change.id, userId: accountId, message: 'The change is recorded and will be applied shortly',
      });
      return;
    case 'insufficient':
      throw new GatewayError('insufficient_credits', insufficient(toCredits(change.available)));
  }
}
