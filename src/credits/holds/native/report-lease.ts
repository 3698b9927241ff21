import { GatewayError, invalid } from '../../../kit/errors.js';
import { AMOUNT_MAX, micros, ZERO, type Micros } from '../../../kit/money/micros.js';
import { toCredits } from '../../../kit/money/credits.js';
import { REPORTING_LEASE_SECONDS, TOKENS_MAX } from '../../../kit/limits.js';
import { writeFacts } from '../../../ledger/facts.js';
import type { TokenUsage } from '../../prices/token-usage.js';
import { atPriceOf, leaseRefusal, toLease, type Lease, type LeaseCall, type LeaseDeps } from './lease.js';
import { costOf, pricingOf, UNKNOWN_PRICE, usageText, wholeUsage, type LeasePricing } from './lease-price.js';

export type ReportLease = LeaseCall & {
  /** All that was used so far. */
  readonly used: { readonly usage: TokenUsage } | { readonly amount: Micros };
  /** What shall be left of the hold after the report, as output tokens or credits; null: the hold is not raised. */
  readonly headroom: { readonly tokens: number } | { readonly amount: Micros } | null;
  readonly leaseMs: number | null;
};

/**
 * Records what a hold was used for so far, renews its lease, and tops it up if less is left than asked for, as far as
 * credits are there. The same report again is harmless.
 *
 * @throws GatewayError progress_backwards, hold_not_found, hold_resolved, forbidden, account_frozen, ledger_unavailable.
 */
export async function reportLease(deps: LeaseDeps, command: ReportLease): Promise<Lease> {
  const { accountId, holdId, by, actor, apiKey, leaseMs } = command;
  const reply = await atPriceOf(deps, command, (pricing) => deps.ledger.reportProgress({
    accountId, holdId, ...progressOf(deps, command, pricing), holdMax: deps.holdMax,
    leaseMs, defaultLeaseMs: REPORTING_LEASE_SECONDS * 1_000, by, apiKey,
    about: writeFacts({ actor, type: 'lease_step' }),
  }));
  switch (reply.status) {
    case 'reported': {
      const { hold } = reply;
      return toLease(deps, command, pricingOf(hold.price, hold.about), hold, { leaseMs: leaseMs ?? hold.leaseMs, replayed: false });
    }
    case 'progress_backwards':
      throw new GatewayError('progress_backwards', `${toCredits(reply.reported)} credits were reported before`
        + `${reply.usage === '' ? '' : ` (${reply.usage})`}; usage is reported in total and never decreases`);
    case 'hold_resolved':
    case 'hold_not_found':
    case 'forbidden':
    case 'account_frozen':
      throw leaseRefusal(reply, holdId);
  }
}

function progressOf({ book }: LeaseDeps, { used, headroom }: ReportLease, pricing: LeasePricing | undefined) {
  if ('amount' in used) {
    if (headroom !== null && 'tokens' in headroom) throw invalid('body.extend.headroomTokens', 'needs a report of `usage`');
    const raiseTo = headroom === null ? null : within(used.amount + headroom.amount);
    return { reported: used.amount, usage: '', raiseTo, price: null };
  }
  if (pricing === undefined) return { reported: ZERO, usage: '', raiseTo: null, price: UNKNOWN_PRICE };
  const reported = costOf(book, pricing, used.usage, undefined, 'body.usage');
  const usage = wholeUsage(pricing.usage, used.usage);
  return { reported, usage: usageText(usage), price: pricing.price, raiseTo: raiseTo(book, pricing, { usage, reported, headroom }) };
}

function raiseTo(
  book: LeaseDeps['book'], pricing: LeasePricing,
  { usage, reported, headroom }: { readonly usage: TokenUsage; readonly reported: Micros; readonly headroom: ReportLease['headroom'] },
): Micros | null {
  if (headroom === null) return null;
  if ('amount' in headroom) return within(reported + headroom.amount);
  const outputTokens = Math.min(TOKENS_MAX, (usage.outputTokens ?? 0) + headroom.tokens);
  return costOf(book, pricing, { ...usage, outputTokens }, undefined, 'body.extend.headroomTokens');
}

const within = (amount: number): Micros => micros(Math.min(amount, AMOUNT_MAX));
