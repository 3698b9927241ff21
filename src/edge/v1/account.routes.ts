import Type from 'typebox';
import type { FreezeCommand, Frozen } from '../../credits/accounts/freeze-account.js';
import type { ShownAccount } from '../../credits/accounts/show-account.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';

/** The use cases of freeze-account.ts and show-account.ts, with their deps. */
export type AccountRouteDeps = {
  readonly nameAccount: (text: string) => Promise<string>;
  readonly showAccount: (accountId: string) => Promise<ShownAccount>;
  readonly freezeAccount: (command: FreezeCommand) => Promise<Frozen>;
  readonly thawAccount: (command: FreezeCommand) => Promise<Frozen>;
};

const reasonBody = nativeBody(Strict({ reason: storedText(1, NOTES_LENGTH_MAX) }));
const params = { accountId: Type.String({ description: 'id, username or e-mail' }) };

const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) => Type.Union([type, Type.Null()]);
const Changed = Type.Object({
  accountId: Type.String(), frozen: Type.Boolean(), changed: Type.Boolean({ description: 'false: it already was in this state' }),
});
const Shown = Type.Object({
  accountId: Type.String(), seq: Type.Integer({ description: 'the last entry of its ledger' }),
  available: Type.Number(), held: Type.Number(), debt: Type.Number(),
  totals: Type.Object({
    granted: Type.Number(), captured: Type.Number(), expired: Type.Number(), removed: Type.Number(), uncollected: Type.Number(),
  }),
  frozen: Type.Boolean(),
  freeze: OrNull(Type.Object({ actor: OrNull(Type.String()), reason: OrNull(Type.String()), at: Type.String() })),
  lots: Type.Array(Type.Object({
    lotId: Type.String(), amount: Type.Number(), remaining: Type.Number(), held: Type.Number(), grantedAt: Type.String(),
    expiresAt: OrNull(Type.String()),
  })),
  holds: Type.Array(Type.Object({
    holdId: Type.String(), amount: Type.Number(), placedAt: Type.String(), expiresAt: Type.String(), price: Type.String(),
  }), { description: 'open ones, at most 1000' }),
});

/** The state of an account, freeze and thaw, for operators. */
export function accountRoutes(add: AddRoute, deps: AccountRouteDeps): void {
  const errors = ['account_not_found', 'conflict', 'ledger_unavailable'] as const;
  const named = (ctx: GatewayContext): Promise<string> => deps.nameAccount(ctx.params?.['accountId'] ?? '');

  add('GET', '/v1/accounts/:accountId', allow('admin', 'supervisor'), {
    summary: 'An account now: balances, lots, open holds, and who froze it', params, replies: { 200: Shown }, errors,
  }, async (ctx) => {
    reply(ctx, 200, presentAccount(await deps.showAccount(await named(ctx))));
  });

  add('POST', '/v1/accounts/:accountId/freeze', allow('admin'), {
    summary: 'Refuse every write to an account', params, body: reasonBody, replies: { 200: Changed }, errors,
  }, async (ctx, { principal, body: { reason } }) => {
    reply(ctx, 200, await deps.freezeAccount({ accountId: await named(ctx), reason, actor: principal.accountId }));
  });

  add('POST', '/v1/accounts/:accountId/thaw', allow('admin'), {
    summary: 'Allow writes to an account again', params, body: reasonBody, replies: { 200: Changed }, errors,
  }, async (ctx, { principal, body: { reason } }) => {
    reply(ctx, 200, await deps.thawAccount({ accountId: await named(ctx), reason, actor: principal.accountId }));
  });
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** An account for operators; amounts in credits. */
export function presentAccount({ accountId, account, freeze }: ShownAccount) {
  const { seq, available, held, debt, totals, frozen, lots, holds } = account;
  return {
    accountId, seq, available: toCredits(available), held: toCredits(held), debt: toCredits(debt),
    totals: {
      granted: toCredits(totals.granted), captured: toCredits(totals.captured), expired: toCredits(totals.expired),
      removed: toCredits(totals.removed), uncollected: toCredits(totals.uncollected),
    },
    frozen,
    freeze: freeze === null ? null : { actor: freeze.actor, reason: freeze.reason, at: timeText(freeze.atMs) },
    lots: lots.map((lot) => ({
      lotId: lot.lotId, amount: toCredits(lot.amount), remaining: toCredits(lot.remaining), held: toCredits(lot.held),
      grantedAt: timeText(lot.grantedAtMs), expiresAt: lot.expiresAtMs === null ? null : timeText(lot.expiresAtMs),
    })),
    holds: holds.map(({ holdId, amount, placedAtMs, expiresAtMs, price }) => ({
      holdId, amount: toCredits(amount), placedAt: timeText(placedAtMs), expiresAt: timeText(expiresAtMs), price,
    })),
  };
}
