import Type, { type TSchema } from 'typebox';
import type { GrantCreditsCommand, GrantedCredits } from '../../credits/grants/grant-credits.js';
import type { FoundAccount } from '../../credits/users/profile.table.js';
import type { CallerKey } from '../../kit/caller.js';
import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import { allow } from '../auth/allow.js';
import { ambiguous } from '../http/account-target.js';
import { Credits, CreditsReply, readPositiveAmount } from '../http/amount.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountNameText, bodyOf } from '../http/schema.js';
import { EXPIRY_DAYS_DEFAULT, expiryField, findTarget, notesField, refusal, targetFields, type TargetDeps } from './admin-target.js';

/** Adds a lot, in Postgres first (I6); `grantCredits` with its deps. */
export type GrantCredits = (command: GrantCreditsCommand) => Promise<GrantedCredits>;

/** Finds an account, or opens a provisional one; null: the text is not a valid account id (`openAccount`). */
export type OpenAccount = (request: { readonly text: string; readonly actor: string }) => Promise<FoundAccount | 'ambiguous' | null>;

export type AllocateDeps = TargetDeps & {
  readonly grant: GrantCredits;
  readonly openAccount: OpenAccount;
  /** What allocate-by-email answers: 201 as the original does, or the 200 that some of its callers wait for (C-08). */
  readonly allocateByEmailStatus: 200 | 201;
};

const INVALID = 'Valid userId and credits required';
const INVALID_BY_EMAIL = 'Valid email and positive credits required';
/** Something before one @ and a dot after it: what the original asks of an e-mail. */
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

const body = bodyOf(Type.Object({ ...targetFields, credits: Credits(), ...expiryField, ...notesField }), INVALID);
const bodyByEmail = bodyOf(
  Type.Object({ email: accountNameText(), credits: Credits(), ...expiryField, ...notesField }), INVALID_BY_EMAIL,
);

const ExpiresAt = Type.Union([Type.String(), Type.Null()]);
const whose = { id: Type.Integer(), userId: Type.String() };
const how = { totalCredits: CreditsReply(), expiresAt: ExpiresAt };
const email = { email: Type.String() };
const granted = { ...whose, ...how, remainingCredits: CreditsReply() };
const pending = { ...whose, ...how, status: Type.Literal('pending'), message: Type.String() };

const Granted = Type.Object(granted);
const GrantedByEmail = Type.Object({ ...granted, ...email });
const Pending = Type.Object(pending);
const PendingByEmail = Type.Object({ ...pending, ...email });

const declared = {
  headers: IdempotencyKeyHeader, replays: true,
  errors: ['conflict', 'limit_exceeded', 'account_frozen', 'idempotency_mismatch', 'ledger_unavailable'],
} as const;

export function allocateRoutes(add: AddRoute, deps: AllocateDeps): void {
  const { grant, openAccount, resolveAccount, allocateByEmailStatus } = deps;

  const spec = { ...declared, summary: 'Grant credits to an account', body, replies: { 201: Granted, 202: Pending } };
  add('POST', '/api/credits/allocate', allow('admin', 'supervisor'), spec, async (ctx, call) => {
    const { credits } = call.body;
    const actor = call.principal.accountId;
    const amount = readPositiveAmount(credits, { path: 'body.credits', message: INVALID });
    const key = idempotencyKey(ctx, call.principal);
    const found = await findTarget(deps, {
      body: call.body, operation: 'grant', key, message: INVALID,
    }, (text) => openAccount({ text, actor }));
    if (found === null) throw refusal(INVALID, 'body.userId', 'is neither a known user nor a possible user id');
    const { accountId, target } = found;
    const result = await grant({ accountId, target, amount, key, ...termsOf(call.body, actor) });
    present(ctx, 201, amount, { userId: accountId }, result);
  });

  const byEmail = {
    ...declared, summary: 'Grant credits to the user with this e-mail', body: bodyByEmail,
    errors: [...declared.errors, 'account_not_found'] as const,
    replies: { [allocateByEmailStatus]: GrantedByEmail, 202: PendingByEmail } satisfies Record<number, TSchema>,
  };
  add('POST', '/api/credits/allocate-by-email', allow('admin'), byEmail, async (ctx, call) => {
    const { email, credits } = call.body;
    const actor = call.principal.accountId;
    const amount = readPositiveAmount(credits, { path: 'body.credits', message: INVALID_BY_EMAIL });
    if (!EMAIL.test(email)) throw refusal('Invalid email format.', 'body.email', 'must look like name@example.com');
    const key = idempotencyKey(ctx, call.principal);
    const found = (key === null ? null : await accountOf(deps, key)) ?? await resolveAccount(email, 'email');
    if (found === 'ambiguous') throw ambiguous(email, 'body.email');
    if (found === null) throw new GatewayError('account_not_found', `User with email '${email}' not found. Cannot allocate credits.`);
    const { accountId } = found;
    const result = await grant({ accountId, target: email, amount, key, ...termsOf(call.body, actor) });
    present(ctx, allocateByEmailStatus, amount, { userId: accountId, email }, result);
  });
}

/** The account of an earlier request under this key; see `findTarget`. */
async function accountOf({ accountOfKey }: TargetDeps, key: CallerKey): Promise<{ readonly accountId: string } | null> {
  const accountId = await accountOfKey('grant', key);
  return accountId === null ? null : { accountId };
}

type Terms = { readonly expiryDays?: number | null; readonly notes?: string | null };

const termsOf = ({ expiryDays, notes }: Terms, actor: string): Pick<GrantCreditsCommand, 'expiryDays' | 'about'> => ({
  expiryDays: expiryDays ?? EXPIRY_DAYS_DEFAULT,
  about: writeFacts({ type: 'change', source: 'allocation', actor, notes: notes ?? null }),
});

function present(
  ctx: GatewayContext, status: number, amount: Micros, who: { readonly userId: string; readonly email?: string },
  result: GrantedCredits,
): void {
  const totalCredits = toCredits(amount);
  const expiresAt = result.expiresAtMs === null ? null : new Date(result.expiresAtMs).toISOString();
  if (result.status === 'pending') {
    reply(ctx, 202, {
      status: 'pending', id: result.id, ...who, totalCredits, expiresAt,
      message: 'Credits are recorded and will be available shortly',
    });
    return;
  }
  markReplayed(ctx, result.replayed);
  reply(ctx, status, { id: result.id, ...who, totalCredits, remainingCredits: toCredits(result.remaining), expiresAt });
}
