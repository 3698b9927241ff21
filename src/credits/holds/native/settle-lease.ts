import { GatewayError, invalid } from '../../../kit/errors.js';
import { fingerprint } from '../../../kit/ids.js';
import { AMOUNT_MAX, micros, ZERO, type Micros } from '../../../kit/money/micros.js';
import { sortedJson } from '../../../kit/sorted-json.js';
import { writeFacts, type LeaseEndReason } from '../../../ledger/facts.js';
import type { SettleUse } from '../../../ledger/hold-terms.js';
import type { HoldOutcome } from '../../../ledger/ledger.js';
import { costOfUsage } from '../../prices/price-tokens.js';
import { refusedAs } from '../../prices/price-usage.js';
import type { ServiceTier } from '../../prices/price.js';
import { classCounts, type TokenUsage } from '../../prices/token-usage.js';
import { endRefusal } from '../hold-refusals.js';
import { atPriceOf, type LeaseCall, type LeaseDeps } from './lease.js';
import { costOf, UNKNOWN_PRICE, wholeUsage, type LeasePricing } from './lease-price.js';

/** A use of one of several models. */
export type ModelUsage = {
  readonly model: string; readonly provider?: string | undefined; readonly usage: TokenUsage; readonly serviceTier: ServiceTier | undefined;
};

export type SettledUse =
  | { readonly usage: TokenUsage; readonly serviceTier: ServiceTier | undefined }
  | { readonly usages: readonly ModelUsage[] }
  | { readonly amount: Micros }
  | { readonly use: Exclude<SettleUse, 'amount'> };

export type SettleLease = LeaseCall & {
  readonly used: SettledUse;
  /** How the stream ended. Null: not told. */
  readonly reason: LeaseEndReason | null;
  readonly metadata?: object | undefined;
};

export type EndedLease = { readonly outcome: HoldOutcome; readonly replayed: boolean };

/**
 * Charges what a hold was used for, at the price it was placed with, and gives the rest back. After its end it charges the
 * difference, or gives back what an expiry by report charged too much.
 *
 * @throws GatewayError hold_not_found, hold_resolved (it was charged more, or ended too long ago; `first` tells how),
 *   idempotency_mismatch (the key is that of another end of the hold), forbidden (a service placed it), unknown_model,
 *   price_missing, account_frozen, ledger_unavailable.
 */
export async function settleLease(deps: LeaseDeps, command: SettleLease): Promise<EndedLease> {
  const { accountId, holdId, by, key, used, reason, metadata } = command;
  const reply = await atPriceOf(deps, command, (pricing) => deps.ledger.settleHold({
    accountId, holdId, ...costOfUse(deps, used, pricing), ...deps.beyond, by, key,
    models: 'usages' in used ? used.usages.map(({ model }) => model) : undefined,
    fingerprint: fingerprint('settle', sortedJson([used, reason, metadata ?? null])),
    about: aboutEnd(command, pricing),
  }));
  if (reply.status !== 'settled') throw endRefusal(reply, `hold ${holdId}`);
  return { outcome: reply.outcome, replayed: reply.replayed };
}

/**
 * Ends a hold with nothing charged.
 *
 * @throws GatewayError as `settleLease`; hold_resolved if it was charged for.
 */
export async function voidLease({ ledger }: Pick<LeaseDeps, 'ledger'>, command: Omit<SettleLease, 'used'>): Promise<EndedLease> {
  const { accountId, holdId, by, key, actor, reason } = command;
  const about = writeFacts({ actor, ...(reason === null ? {} : { reason }), type: 'lease_end' });
  const reply = await ledger.voidHold({
    accountId, holdId, by, about, key, ...(key === null ? {} : { fingerprint: fingerprint('void', reason ?? '') }),
  });
  if (reply.status !== 'voided') throw endRefusal(reply, `hold ${holdId}`);
  return { outcome: reply.outcome, replayed: reply.replayed };
}

type Cost = { readonly cost: Micros; readonly price: string | null; readonly use?: SettleUse };

function costOfUse({ book }: LeaseDeps, used: SettledUse, pricing: LeasePricing | undefined): Cost {
  if ('use' in used) return { cost: ZERO, price: null, use: used.use };
  if ('amount' in used) return { cost: used.amount, price: null, use: 'amount' };
  if (pricing === undefined) return { cost: ZERO, price: UNKNOWN_PRICE };
  if ('usage' in used) {
    return { cost: costOf(book, pricing, used.usage, used.serviceTier, 'body.usage'), price: pricing.price };
  }
  const cost = used.usages.reduce((sum, { model, provider, usage, serviceTier = 'standard' }, index) => {
    classCounts(usage, `body.usages.${index}.usage`);
    // The hold's own model at the hold's own price.
    const path = `body.usages.${index}`;
    const price = pricing.price !== '' && model === pricing.model
      ? book.named(pricing.price) : refusedAs('unknown_model', path, () => book.priceOf(model, provider));
    return sum + refusedAs('price_missing', `${path}.usage`, () => costOfUsage(price, usage, serviceTier));
  }, 0);
  if (cost > AMOUNT_MAX) throw new GatewayError('invalid_request', 'the usages cost more than one settlement can', {
    sources: [invalid('body.usages', 'cost more than one settlement can')].flatMap(({ sources }) => sources),
  });
  return { cost: micros(cost), price: pricing.price };
}

/** What the entry of the end tells: who, why, and a record of the usage for each statistic. */
function aboutEnd({ holdId, actor, used, reason, metadata }: SettleLease, pricing: LeasePricing | undefined): string {
  const model = pricing?.model ?? '';
  const counted = 'usage' in used ? wholeUsage(pricing?.usage ?? {}, used.usage) : {};
  const models = 'usages' in used ? { models: used.usages.map(({ model: each, usage }) => ({ model: each, ...usage })) } : {};
  return writeFacts({
    actor, ...(reason === null ? {} : { reason }),
    usage: { service: 'model', operation: model === '' ? 'amount' : model, metadata: { holdId, ...counted, ...models } },
    ...(metadata === undefined ? {} : { metadata }), type: 'lease_end',
  });
}
