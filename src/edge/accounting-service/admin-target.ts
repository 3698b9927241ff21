import Type from 'typebox';
import type { MoneyOperation } from '../../credits/grants/money-request.js';
import type { FoundAccount } from '../../credits/users/profile.table.js';
import type { CallerKey } from '../../kit/caller.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { isAccountName } from '../../kit/ids.js';
import { EXPIRY_DAYS_MAX, NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { ambiguous, type ResolveAccount } from '../http/account-target.js';
import type { GatewayContext } from '../http/context.js';
import { accountNameText, integerOrNull, storedText } from '../http/schema.js';

export type TargetDeps = {
  readonly resolveAccount: ResolveAccount;
  /** The account that an earlier request under this key was about, or null. */
  readonly accountOfKey: (operation: MoneyOperation, key: CallerKey) => Promise<string | null>;
};

export const EXPIRY_DAYS_DEFAULT = 30;
const Target = () => Type.Optional(accountNameText());

/** Fields that the requests of administrators share; `targetUserId` is what some callers say for `userId` (C-20). */
export const targetFields = { userId: Target(), targetUserId: Target() };
export const expiryField = { expiryDays: Type.Optional(integerOrNull(1, EXPIRY_DAYS_MAX)) };
export const notesField = { notes: Type.Optional(Type.Union([storedText(0, NOTES_LENGTH_MAX), Type.Null()])) };

/** The caller, the operation and the name of the account. `message` is the message of the route for a bad request. */
export type TargetRequest = {
  readonly body: { readonly userId?: string; readonly targetUserId?: string };
  readonly operation: MoneyOperation;
  readonly key: CallerKey | null;
  readonly message: string;
};

/** The account to change, how it was named, and what to call its owner in an answer. */
export type TargetAccount = { readonly accountId: string; readonly target: string; readonly displayName: string };

/**
 * The account that a request means. A repeat under the same key means the account that the first one meant: the name
 * may have been claimed, or changed hands, in between.
 */
export async function findTarget(
  deps: TargetDeps, request: TargetRequest, find: (text: string) => Promise<FoundAccount | 'ambiguous' | null>,
): Promise<TargetAccount | null> {
  const target = targetText(request);
  const { operation, key } = request;
  const earlier = key === null ? null : await deps.accountOfKey(operation, key);
  const found = await find(earlier ?? target);
  if (earlier !== null) return { accountId: earlier, target, displayName: nameOf(found) ?? earlier };
  if (found === 'ambiguous') throw ambiguous(target, 'body.userId');
  return found === null ? null : { accountId: found.accountId, target, displayName: nameOf(found) ?? found.accountId };
}

const nameOf = (found: FoundAccount | 'ambiguous' | null): string | null =>
  (found === null || found === 'ambiguous' ? null : found.username);

/** The same, of an account that must be there. */
export async function knownTarget(deps: TargetDeps, request: TargetRequest): Promise<TargetAccount> {
  const found = await findTarget(deps, request, (text) => deps.resolveAccount(text));
  if (found === null) throw new GatewayError('account_not_found', `User '${targetText(request)}' not found`);
  return found;
}

function targetText({ body: { userId, targetUserId }, message }: TargetRequest): string {
  const text = userId ?? targetUserId;
  if (text === undefined) throw refusal(message, 'body.userId', 'is missing');
  if (targetUserId !== undefined && targetUserId !== text) {
    throw refusal(message, 'body.targetUserId', 'differs from userId; send one of them');
  }
  return text;
}

export const refusal = (message: string, path: string, problem: string): GatewayError =>
  new GatewayError('invalid_request', message, { sources: [{ path, message: problem }] });

/** The text at the end of a path. The router passes on what it cannot decode; here it is refused. */
export function pathTarget(ctx: GatewayContext): string {
  const raw = ctx.path.replace(/\/$/, '');
  const text = decoded(raw.slice(raw.lastIndexOf('/') + 1));
  if (text === null || !isAccountName(text)) {
    throw invalid('path.userId', 'must be a URL-encoded id, username or e-mail');
  }
  return text;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
