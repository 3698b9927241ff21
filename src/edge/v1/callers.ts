import Type from 'typebox';
import { GatewayError, invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX, LIMIT_TEXT_LENGTH_MAX, NOTES_LENGTH_MAX } from '../../kit/limits.js';
import type { NativeCaller } from '../../kit/principal.js';
import type { Spending } from '../../ledger/limits.js';
import type { GatewayContext } from '../http/context.js';
import { storedText } from '../http/schema.js';

/** The id of an account in a body or a path. */
export const AccountId = (description = 'the account that pays') => Type.Refine(
  Type.String({ minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX, description }), isAccountId, () => ACCOUNT_ID_RULE,
);

/** `account` of a body: a user may leave it out, a service only if its key is bound to one payer. */
export const AccountMember = () => Type.Optional(AccountId('the account that pays; by default the own one, or the payer of the API key'));

/** Why an operator does this. Kept with the entry. */
export const ReasonMember = () =>
  Type.Optional(storedText(1, NOTES_LENGTH_MAX, 'why; kept with the entry. Operators must say it for the account of another'));

/**
 * The account that a request acts on: `named`, if the caller may act on it; without a name the caller's own, or the payer
 * of the API key. Later refusals of this request are recorded for it.
 *
 * @throws GatewayError invalid_request (a service named none, or what is named is no id), forbidden (of another caller).
 */
export function accountOf(ctx: GatewayContext, caller: NativeCaller, named: string | undefined, path = 'body.account'): string {
  if (named !== undefined && !isAccountId(named)) throw invalid(path, ACCOUNT_ID_RULE);
  const accountId = named ?? ownAccount(caller);
  if (accountId === null) throw invalid(path, 'is missing: a service names the account');
  assertMayActOn(caller, accountId, path);
  ctx.state.accountId = accountId;
  return accountId;
}

/** The account that a path parameter names by its id: also one that has nothing yet. @throws GatewayError as `accountOf`. */
export const accountInPath = (ctx: GatewayContext, caller: NativeCaller, name = 'accountId'): string =>
  accountOf(ctx, caller, ctx.params?.[name] ?? '', `path.${name}`);

/** The account that an operator names by its id, a username or an e-mail. @throws GatewayError account_not_found, conflict. */
export type NameAccount = (text: string) => Promise<string>;

/**
 * The account of a path parameter. Users and services name it by its id, operators also by a name.
 *
 * @throws GatewayError as `accountOf` and, for operators, as `NameAccount`.
 */
export async function accountOfPath(ctx: GatewayContext, caller: NativeCaller, nameAccount: NameAccount): Promise<string> {
  if (caller.kind !== 'operator') return accountInPath(ctx, caller);
  const accountId = await nameAccount(ctx.params?.['accountId'] ?? '');
  ctx.state.accountId = accountId;
  return accountId;
}

/** A spender in a path: named like an account, and none that the caller must be allowed to act on. The errors of `spenderOf`. */
export const spenderInPath = (ctx: GatewayContext, name = 'spender'): string => spenderOf(ctx.params?.[name] ?? '', `path.${name}`);

/** @throws GatewayError invalid_request for what is no name of an account. */
export function spenderOf(named: string, path: string): string {
  if (isAccountId(named)) return named;
  throw invalid(path, ACCOUNT_ID_RULE);
}

/** `spender` and `feature` of a body: which limits of the account an operation counts against. */
export const SpendingMembers = {
  spender: Type.Optional(AccountId('who spends from the account, for limits; by default the account itself')),
  feature: Type.Optional(storedText(1, LIMIT_TEXT_LENGTH_MAX, 'what the credits are for, such as `chat`; limits match it')),
};

/**
 * What limits match beside the model. A user spends under the own name only.
 *
 * @throws GatewayError forbidden, invalid_request.
 */
export function spendingOf(
  caller: NativeCaller, accountId: string, { spender, feature }: { readonly spender?: string; readonly feature?: string },
): Pick<Spending, 'spender' | 'feature' | 'key'> {
  if (spender !== undefined && caller.kind === 'user' && spender !== accountId) {
    throw new GatewayError('forbidden', 'A user spends under the own name', { sources: [{ path: 'body.spender', message: 'is not you' }] });
  }
  return {
    spender: spender === undefined ? undefined : spenderOf(spender, 'body.spender'), feature,
    key: caller.kind === 'service' ? caller.key.name : undefined,
  };
}

/** Whether a caller may act on an account. For what belongs to an account that the request does not name, such as a lot. */
export function mayActOn(caller: NativeCaller, accountId: string): boolean {
  switch (caller.kind) {
    case 'operator':
      return true;
    case 'user':
      return caller.token.accountId === accountId;
    case 'service':
      return caller.key.payer === null ? accountId.startsWith(caller.key.accountPrefix ?? '') : caller.key.payer === accountId;
  }
}

/** Throws GatewayError forbidden unless the caller may act on the account. */
export function assertMayActOn(caller: NativeCaller, accountId: string, path: string): void {
  if (mayActOn(caller, accountId)) return;
  const message = caller.kind === 'user' ? 'is not your account' : 'is not an account of this API key';
  throw new GatewayError('forbidden', `The account ${message}`, { sources: [{ path, message }] });
}

/**
 * The reason that an operator gives for acting on the account of another. Users and services need none.
 *
 * @throws GatewayError invalid_request when it is missing.
 */
export function reasonOf(caller: NativeCaller, accountId: string | null, reason: string | undefined, path = 'body.reason'): string | null {
  if (reason === undefined && caller.kind === 'operator' && caller.token.accountId !== accountId) {
    throw invalid(path, 'is missing: an operator says why');
  }
  return reason ?? null;
}

const ownAccount = (caller: NativeCaller): string | null => (caller.kind === 'service' ? caller.key.payer : caller.token.accountId);
