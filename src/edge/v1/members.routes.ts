import Type from 'typebox';
import type { PoolMember } from '../../credits/pools/pool-member.table.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { MEMBER_NAME_LENGTH_MAX } from '../../kit/limits.js';
import type { Precondition } from '../../kit/precondition.js';
import { actorOf } from '../../kit/principal.js';
import { nameOfAccount } from '../../ledger/account-name.js';
import { callers, services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, accountInPath, assertMayActOn, spenderInPath } from './callers.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import { TimeOut, timeText } from './values.js';

/** The use cases of manage-members.ts, with their deps. */
export type MemberRouteDeps = {
  readonly listMembers: (accountId: string, after: string, limit: number) => Promise<readonly PoolMember[]>;
  readonly showMember: (accountId: string, spender: string) => Promise<PoolMember | null>;
  readonly addMember: (
    accountId: string, spender: string, by: { readonly check: Precondition; readonly actor: string },
  ) => Promise<{ readonly member: PoolMember; readonly isNew: boolean }>;
  readonly removeMember: (accountId: string, spender: string, check: Precondition) => Promise<boolean>;
};

const Member = Type.Object({ account: Type.String({ description: 'the pool' }), spender: Type.String(), addedAt: TimeOut() });
const accountParams = { accountId: AccountId('the pool: the account that pays') };
const params = { ...accountParams, spender: AccountId('the account that spends from the pool under its own name') };
const memberBody = nativeBody(Strict({}));

/** Pools: accounts that spend from another one (docs/contracts/native.md#pools). */
export function memberRoutes(add: AddRoute, deps: MemberRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/members', callers('read'), {
    summary: 'The members of a pool', params: accountParams, query: ListQuery, replies: { 200: ListOf(Member) },
    errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const limit = limitIn(ctx);
    const after = cursorIn(ctx, ([spender]) => (typeof spender === 'string' ? spender : null)) ?? '';
    const members = await deps.listMembers(accountInPath(ctx, principal), after, limit + 1);
    reply(ctx, 200, listPage(members, limit, presentMember, ({ spender }) => [spender]));
  });

  add('GET', '/v1/accounts/:accountId/members/:spender', callers('read'), {
    summary: 'A member of a pool, with its ETag', params, replies: { 200: Member }, hasEtag: true,
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const member = await deps.showMember(accountInPath(ctx, principal), spenderInPath(ctx));
    if (member === null) throw noMember();
    answer(ctx, 200, member);
  });

  add('PUT', '/v1/accounts/:accountId/members/:spender', services('admin'), {
    summary: 'Make an account a member of a pool, which pays for its new holds and charges in /v1', params, body: memberBody,
    headers: ConditionHeaders, replies: { 200: Member, 201: Member }, hasEtag: true,
    errors: ['conflict', 'limit_exceeded', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    const spender = spenderInPath(ctx);
    if (nameOfAccount(spender).length > MEMBER_NAME_LENGTH_MAX) {
      throw invalid('path.spender', `is too long for a member: percent-encoded it must have at most ${MEMBER_NAME_LENGTH_MAX} characters`);
    }
    // A member no longer spends its own credits.
    assertMayActOn(principal, spender, 'path.spender');
    const { member, isNew } = await deps.addMember(accountId, spender, {
      check: preconditionOf(ctx), actor: actorOf(principal),
    });
    answer(ctx, isNew ? 201 : 200, member);
  });

  add('DELETE', '/v1/accounts/:accountId/members/:spender', services('admin'), {
    summary: 'End a membership; what the member holds from the pool stays the pool\'s', params, headers: ConditionHeaders,
    replies: { 204: Type.Null() }, errors: ['not_found', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    if (!await deps.removeMember(accountInPath(ctx, principal), spenderInPath(ctx), preconditionOf(ctx))) throw noMember();
    ctx.status = 204;
  });
}

const noMember = (): GatewayError => new GatewayError('not_found', 'The pool has no member of this name');

function answer(ctx: GatewayContext, status: number, member: PoolMember): void {
  setEtag(ctx, member.version);
  reply(ctx, status, presentMember(member));
}

const presentMember = ({ accountId, spender, addedAtMs }: PoolMember): object => ({
  account: accountId, spender, addedAt: timeText(addedAtMs),
});
