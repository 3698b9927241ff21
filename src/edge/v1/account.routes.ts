import Type from 'typebox';
import { grantIdOf } from '../../books/money-in.table.js';
import type { FreezeCommand, Frozen } from '../../credits/accounts/freeze-account.js';
import type { ShownAccount } from '../../credits/accounts/show-account.js';
import { GatewayError } from '../../kit/errors.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import { restrictedIn } from '../../ledger/lot-rule.js';
import { allow, callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { accountOfPath, type NameAccount } from './callers.js';
import { presentRule, RuleOut } from './lot-fields.js';
import { AmountOut, timeText, TimeOut, timeTextOrNull, OptionalTimeOut } from './values.js';

/** The use cases of freeze-account.ts and show-account.ts, with their deps. */
export type AccountRouteDeps = {
  readonly nameAccount: NameAccount;
  readonly showAccount: (accountId: string) => Promise<ShownAccount>;
  readonly freezeAccount: (command: FreezeCommand) => Promise<Frozen>;
  readonly thawAccount: (command: FreezeCommand) => Promise<Frozen>;
};

const reasonBody = nativeBody(Strict({ reason: storedText(1, NOTES_LENGTH_MAX) }));
export const accountParams = { accountId: Type.String({ description: 'its id; operators may also give a username or an e-mail' }) };

const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Changed = Type.Object({
  account: Type.String(), frozen: Type.Boolean(), changed: Type.Boolean({ description: 'false: it already was in this state' }),
});
const Shown = Type.Object({
  account: Type.String(), seq: Type.Integer({ description: 'the last entry of its ledger' }),
  available: AmountOut('what can be spent'), restricted: AmountOut('the part of it that is for some models or features only'),
  held: AmountOut('in open holds'), debt: AmountOut('owed; the next grant pays it first'),
  totals: Type.Object({
    granted: AmountOut(), captured: AmountOut(), expired: AmountOut(), removed: AmountOut(), uncollected: AmountOut(),
  }),
  frozen: Type.Boolean(),
  freeze: OrNull(Type.Object({ actor: OrNull(Type.String()), reason: OrNull(Type.String()), at: TimeOut() }, {
    description: 'who froze it, for operators',
  })),
  lots: Type.Array(Type.Object({
    id: Type.String(), amount: AmountOut(), remaining: AmountOut(), held: AmountOut(), ...RuleOut,
    grantedAt: TimeOut(), expiresAt: OptionalTimeOut(),
  }), { description: 'live ones, in the order in which they are spent' }),
  holds: Type.Array(Type.Object({
    id: Type.String(), amount: AmountOut(), placedAt: TimeOut(), leaseEndsAt: TimeOut(), price: Type.String(),
  }), { description: 'open ones, at most 1000' }),
});

/** The state of an account; freeze and thaw, for operators. */
export function accountRoutes(add: AddRoute, deps: AccountRouteDeps): void {
  const errors = ['account_not_found', 'conflict', 'ledger_unavailable'] as const;
  const named = (ctx: GatewayContext): Promise<string> => deps.nameAccount(ctx.params?.['accountId'] ?? '');

  add('GET', '/v1/accounts/:accountId', callers('read'), {
    summary: 'An account now: balances, lots and open holds', params: accountParams, replies: { 200: Shown }, errors,
  }, async (ctx, { principal }) => {
    const shown = await deps.showAccount(await accountOfPath(ctx, principal, deps.nameAccount));
    // A service may misspell an account; a user's own is there from the first token on.
    if (principal.kind === 'service' && shown.account.seq === 0) throw new GatewayError('account_not_found', 'there is no such account');
    reply(ctx, 200, presentNative(shown, principal.kind === 'operator'));
  });

  add('POST', '/v1/accounts/:accountId/freeze', allow('admin'), {
    summary: 'Refuse every write to an account', params: accountParams, body: reasonBody, replies: { 200: Changed }, errors,
  }, async (ctx, { principal, body: { reason } }) => {
    reply(ctx, 200, presentFrozen(await deps.freezeAccount({ accountId: await named(ctx), reason, actor: principal.accountId })));
  });

  add('POST', '/v1/accounts/:accountId/thaw', allow('admin'), {
    summary: 'Allow writes to an account again; 409 while it differs from the books', params: accountParams, body: reasonBody,
    replies: { 200: Changed }, errors,
  }, async (ctx, { principal, body: { reason } }) => {
    reply(ctx, 200, presentFrozen(await deps.thawAccount({ accountId: await named(ctx), reason, actor: principal.accountId })));
  });
}

const presentFrozen = ({ accountId, ...rest }: Frozen): object => ({ account: accountId, ...rest });

/** Why and by whom an account was frozen is for operators. */
function presentNative({ accountId, account, freeze }: ShownAccount, showsFreeze: boolean): object {
  const { seq, available, held, debt, totals, frozen, lots, holds } = account;
  return {
    account: accountId, seq, available: creditsText(available), restricted: creditsText(restrictedIn(lots)),
    held: creditsText(held), debt: creditsText(debt),
    totals: {
      granted: creditsText(totals.granted), captured: creditsText(totals.captured), expired: creditsText(totals.expired),
      removed: creditsText(totals.removed), uncollected: creditsText(totals.uncollected),
    },
    frozen,
    freeze: freeze === null || !showsFreeze ? null : { actor: freeze.actor, reason: freeze.reason, at: timeText(freeze.atMs) },
    lots: lots.map((lot) => ({
      id: grantIdOf(lot.lotId), amount: creditsText(lot.amount), remaining: creditsText(lot.remaining), held: creditsText(lot.held),
      ...presentRule(lot.rule), grantedAt: timeText(lot.grantedAtMs), expiresAt: timeTextOrNull(lot.expiresAtMs),
    })),
    holds: holds.map(({ holdId, amount, placedAtMs, expiresAtMs, price }) => ({
      id: holdId, amount: creditsText(amount), placedAt: timeText(placedAtMs), leaseEndsAt: timeText(expiresAtMs), price,
    })),
  };
}
