import Type from 'typebox';
import type { Transferred, TransferCommand } from '../../credits/transfers/transfer-credits.js';
import type { TransferRow } from '../../credits/transfers/transfer.table.js';
import type { Clock } from '../../kit/clock.js';
import { accountFrozen, GatewayError, invalid } from '../../kit/errors.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { ZERO } from '../../kit/money/micros.js';
import { actorOf } from '../../kit/principal.js';
import { services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, accountOf, assertMayActOn, mayActOn } from './callers.js';
import { IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { PreferHeader } from './prefer.js';
import {
  AmountIn, AmountOut, creditsText, OptionalTimeOut, positiveAmountIn, timeIn, TimeIn, TimeOut, timeText, timeTextOrNull,
} from './values.js';

/** The use cases with their dependencies. */
export type TransferRouteDeps = {
  readonly transfer: (command: TransferCommand) => Promise<Transferred>;
  readonly showTransfer: (transferId: number) => Promise<TransferRow | null>;
};

const body = nativeBody(Strict({
  from: AccountId('the account that gives'),
  to: AccountId('the account that gets'),
  amount: AmountIn('above zero'),
  reason: storedText(1, NOTES_LENGTH_MAX, 'why; kept with both entries'),
  expiresAt: Type.Optional(Type.Union([TimeIn('one expiry for all that arrives; null: never'), Type.Null()], {
    description: 'without it, what arrives keeps the expiry of the lots that it came from',
  })),
}, { examples: [{ from: 'alice', to: 'team', amount: '5', reason: 'share of the team' }] }));

const Transfer = Type.Object({
  id: Type.String(), from: Type.String(), to: Type.String(), amount: AmountOut(), reason: Type.String(),
  state: Type.Enum(['pending', 'completed', 'refused']),
  refusal: Type.Union([Type.Enum(['insufficient_credits', 'account_frozen']), Type.Null()]),
  keepsExpiry: Type.Boolean({ description: 'what arrives keeps the expiry of the lots that it came from' }),
  expiresAt: OptionalTimeOut(), createdAt: TimeOut(), endedAt: OptionalTimeOut(),
});

/** Moving credits between accounts. */
export function transferRoutes(add: AddRoute, { transfer, showTransfer, clock }: TransferRouteDeps & { readonly clock: Clock }): void {
  add('POST', '/v1/transfers', services('grants'), {
    summary: 'Move credits to another account', body, headers: { ...IdempotencyKeyHeader, ...PreferHeader },
    replies: { 201: Transfer, 202: Transfer }, replays: true,
    errors: ['insufficient_credits', 'account_frozen', 'limit_exceeded', 'idempotency_mismatch', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { from, to, amount, reason, expiresAt } }) => {
    assertMayActOn(principal, to, 'body.to');
    const moved = await transfer({
      from: accountOf(ctx, principal, from, 'body.from'), to, reason, amount: positiveAmountIn(amount, 'body.amount'),
      expiry: expiresAt === undefined ? 'lots' : { expiresAtMs: expiresAt === null ? null : futureIn(expiresAt, clock()) },
      actor: actorOf(principal), key: keyOf(ctx, principal),
    });
    markReplayed(ctx, moved.replayed);
    assertNotRefused(moved.transfer);
    reply(ctx, moved.transfer.state === 'completed' ? 201 : 202, present(moved.transfer));
  });

  add('GET', '/v1/transfers/:id', services('read'), {
    summary: 'A transfer and how far it is', params: { id: Type.String({ pattern: '^[1-9][0-9]{0,14}$' }) }, replies: { 200: Transfer },
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const found = await showTransfer(idIn(ctx));
    // One between accounts of other callers does not exist for this one.
    if (found === null || !(mayActOn(principal, found.from) || mayActOn(principal, found.to))) {
      throw new GatewayError('not_found', 'there is no such transfer');
    }
    reply(ctx, 200, present(found));
  });
}

function idIn(ctx: GatewayContext): number {
  const text = ctx.params?.['id'] ?? '';
  if (!/^[1-9]\d{0,14}$/.test(text)) throw invalid('path.id', 'must be the id of a transfer');
  return Number(text);
}

function futureIn(text: string, nowMs: number): number {
  const ms = timeIn(text, 'body.expiresAt');
  if (ms <= nowMs) throw invalid('body.expiresAt', 'must be in the future');
  return ms;
}

function assertNotRefused({ refusal, amount, available }: TransferRow): void {
  switch (refusal) {
    case null:
      return;
    case 'insufficient_credits':
      throw new GatewayError(refusal, 'the account does not have that much', {
        shortage: { required: amount, available: available ?? ZERO },
      });
    case 'account_frozen':
      throw accountFrozen();
  }
}

const present = ({ transferId, from, to, amount, reason, state, refusal, expiry, createdAtMs, endedAtMs }: TransferRow): object => ({
  id: String(transferId), from, to, amount: creditsText(amount), reason, state, refusal, keepsExpiry: expiry === 'lots',
  expiresAt: expiry === 'lots' ? null : timeTextOrNull(expiry.expiresAtMs), createdAt: timeText(createdAtMs),
  endedAt: timeTextOrNull(endedAtMs),
});
