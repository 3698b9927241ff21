import Type from 'typebox';
import { allow } from '../../auth/allow.js';
import { GatewayError } from '../../errors.js';
import { idempotencyKey, markReplayed } from '../../http/idempotency-key.js';
import { reply } from '../../http/json.js';
import type { AddRoute } from '../../http/routes.js';
import { bodyOf, integerOrNull, storedText } from '../../http/schema.js';
import { isAccountId } from '../../ids.js';
import { ACCOUNT_ID_LENGTH_MAX, EXPIRY_DAYS_MAX, NOTES_LENGTH_MAX } from '../../limits.js';
import type { GrantCreditsCommand, GrantedCredits } from '../../lots/grant-credits.js';
import { toCredits } from '../../money/credits.js';
import { Credits, CreditsReply, readPositiveAmount } from './amount.js';

/** Finds the account that a text means: its id, else a username, else an e-mail (contract §1.3). */
export type ResolveAccount = (text: string) => Promise<{ readonly accountId: string } | 'ambiguous' | null>;

/** Adds a lot, in Postgres first (I6); `grantCredits` with its deps. */
export type GrantCredits = (command: GrantCreditsCommand) => Promise<GrantedCredits>;

export type AllocateDeps = { readonly grant: GrantCredits; readonly resolveAccount: ResolveAccount };

const INVALID = 'Valid userId and credits required';
const EXPIRY_DAYS_DEFAULT = 30;
/** Longest text that can name an account: an e-mail address. */
const TARGET_LENGTH_MAX = 320;

const Target = () => storedText(1, TARGET_LENGTH_MAX);
const body = bodyOf(
  Type.Object({
    userId: Type.Optional(Target()),
    targetUserId: Type.Optional(Target()),
    credits: Credits(),
    expiryDays: Type.Optional(integerOrNull(1, EXPIRY_DAYS_MAX)),
    notes: Type.Optional(Type.Union([storedText(0, NOTES_LENGTH_MAX), Type.Null()])),
  }),
  INVALID,
);

const ExpiresAt = Type.Union([Type.String(), Type.Null()]);
const Granted = Type.Object({ id: Type.Integer(), userId: Type.String(), totalCredits: CreditsReply(), remainingCredits: CreditsReply(), expiresAt: ExpiresAt });
const Pending = Type.Object({ status: Type.Literal('pending'), id: Type.Integer(), userId: Type.String(), totalCredits: CreditsReply(), expiresAt: ExpiresAt, message: Type.String() });

export function allocateRoutes(add: AddRoute, { grant, resolveAccount }: AllocateDeps): void {
  const spec = { summary: 'Give an account credits', body, replies: { 201: Granted, 202: Pending } };
  add('POST', '/api/credits/allocate', allow('admin', 'supervisor'), spec, async (ctx, call) => {
    const { credits, expiryDays, notes } = call.body;
    const amount = readPositiveAmount(credits, { path: 'body.credits', message: INVALID });
    const key = idempotencyKey(ctx);
    const userId = await targetAccount(resolveAccount, call.body);
    const actor = call.principal.accountId;
    const about = JSON.stringify({ source: 'allocation', actor, notes: notes ?? null });
    const result = await grant({ accountId: userId, amount, expiryDays: expiryDays ?? EXPIRY_DAYS_DEFAULT, key, actor, about });
    const totalCredits = toCredits(amount);
    const expiresAt = result.expiresAtMs === null ? null : new Date(result.expiresAtMs).toISOString();
    if (result.status === 'pending') {
      reply(ctx, 202, { status: 'pending', id: result.id, userId, totalCredits, expiresAt, message: 'Credits are recorded and will be available shortly' });
      return;
    }
    markReplayed(ctx, result.replayed);
    reply(ctx, 201, { id: result.id, userId, totalCredits, remainingCredits: toCredits(result.remaining), expiresAt });
  });
}

/** The account to credit. A text that nobody is known by is an account to come, if it can be an id at all. */
async function targetAccount(resolveAccount: ResolveAccount, { userId, targetUserId }: { readonly userId?: string; readonly targetUserId?: string }): Promise<string> {
  const text = userId ?? targetUserId;
  if (text === undefined) throw refusal('body.userId', 'is missing');
  if (targetUserId !== undefined && targetUserId !== text) throw refusal('body.targetUserId', 'differs from userId; send one of them');
  const found = await resolveAccount(text);
  if (found === 'ambiguous') throw new GatewayError('conflict', `'${text}' names several users; use the user id`, { sources: [{ path: 'body.userId', message: 'is ambiguous' }] });
  if (found !== null) return found.accountId;
  if (text.length > ACCOUNT_ID_LENGTH_MAX || !isAccountId(text)) throw refusal('body.userId', 'is neither a known user nor a possible user id');
  return text;
}

const refusal = (path: string, message: string): GatewayError => new GatewayError('invalid_request', INVALID, { sources: [{ path, message }] });
