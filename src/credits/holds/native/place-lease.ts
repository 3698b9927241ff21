import { GatewayError, invalid } from '../../../kit/errors.js';
import { fingerprint } from '../../../kit/ids.js';
import { REPORTING_LEASE_SECONDS } from '../../../kit/limits.js';
import { ZERO, type Micros } from '../../../kit/money/micros.js';
import { sortedJson } from '../../../kit/sorted-json.js';
import { itemAt, runPassing, type Tell } from '../../../kit/tell.js';
import type { ExpiryPolicy, OverCapture, PlaceHold, PlaceHoldReply } from '../../../ledger/ledger.js';
import type { Spending } from '../../../ledger/limits.js';
import { nativeLimitReached } from '../../limits/limit-refusal.js';
import { costOfOutput, type Price } from '../../prices/price-tokens.js';
import { refusedAs } from '../../prices/price-usage.js';
import type { ServiceTier } from '../../prices/price.js';
import { classCounts, type TokenUsage } from '../../prices/token-usage.js';
import { placeRefusal } from '../hold-refusals.js';
import { holdOf } from '../place-hold.js';
import { spendingFact } from '../../../ledger/spending-fact.js';
import { HOLD_TOO_LARGE, toLease, type Lease, type LeaseCall, type LeaseDeps } from './lease.js';
import { inputCostOf, type LeasePricing } from './lease-price.js';
import { laxerTerms, termsIn } from './lease-terms.js';

/** The word of these holds in lists. */
export const LEASE = 'lease';

export type PlaceLease = LeaseCall & {
  readonly asked: LeaseAmount;
  /** Null: the deployment's. */
  readonly leaseMs: number | null;
  readonly onExpiry?: ExpiryPolicy | undefined;
  readonly overCapture?: OverCapture | undefined;
  readonly debtLimit?: Micros | undefined;
  readonly metadata?: object | undefined;
  readonly reason: string | null;
  /** Who spends, and on what beside the model: which limits of the account it counts against. */
  readonly spending?: Pick<Spending, 'spender' | 'feature' | 'key'> | undefined;
  /** What limits of the account allow it and its extensions at most. */
  readonly ownLimits?: PlaceHold['ownLimits'];
  /** The id is new: Postgres need not be asked whether a hold of that id has ended. */
  readonly isNewId: boolean;
};

export type LeaseAmount =
  | { readonly minimum: Micros; readonly desired: Micros }
  | {
    readonly model: string;
    readonly provider?: string | undefined;
    /** What the request is certain to use: its input. */
    readonly usage: TokenUsage;
    readonly serviceTier: ServiceTier;
    readonly maxOutputTokens?: number | undefined;
    readonly minimumOutputTokens?: number | undefined;
  };

/** `minimum` and `desired` as the ledger takes them: null as far as one hold may have it. */
type Grant = {
  readonly minimum: Micros | null; readonly desired: Micros | null; readonly inputCost: Micros; readonly pricing: LeasePricing;
};

/**
 * Reserves an amount, or what a model may use at most, under terms of its own. The same again while it is open gets the
 * first answer.
 *
 * @throws GatewayError invalid_request, unknown_model, price_missing, insufficient_credits, limit_reached, unknown_limit,
 *   idempotency_mismatch (the id is that of another open hold, or the key that of a hold of another id), hold_resolved (a hold
 *   of that id has ended; `first` tells how), limit_exceeded, account_frozen, ledger_unavailable.
 */
export async function placeLease(deps: LeaseDeps, command: PlaceLease): Promise<Lease> {
  const plan = planOf(deps, command);
  return leaseOf(deps, plan, await deps.ledger.placeHold(plan.hold));
}

/** Does the same for several, those of one account in their order. Each succeeds or fails alone. */
export function placeLeases(deps: LeaseDeps, commands: readonly PlaceLease[], tell: Tell<Lease>): Promise<void> {
  return runPassing(commands, (command) => planOf(deps, command), tell, (plans, { done, failed }) =>
    deps.ledger.placeHolds(plans.map(({ hold }) => hold), {
      done: (index, reply) => {
        try {
          done(index, leaseOf(deps, itemAt(plans, index), reply));
        } catch (error) {
          failed(index, error);
        }
      },
      failed,
    }));
}

/** What is asked of the ledger, and what its answer is read by. `leaseMs`: the lease that the hold gets. */
type Plan = { readonly command: PlaceLease; readonly hold: PlaceHold; readonly pricing: LeasePricing; readonly leaseMs: number };

function planOf(deps: LeaseDeps, command: PlaceLease): Plan {
  const { accountId, holdId, asked, leaseMs: askedLeaseMs, onExpiry, metadata, actor, reason, by, isNewId, key, ownLimits } = command;
  const askedTerms = termsIn(command);
  const { minimum, desired, inputCost, pricing } = grantOf(deps, asked);
  if (onExpiry === 'charge_input' && pricing.price === '') {
    throw invalid('body.onExpiry', 'charge_input contradicts a hold of an amount, which has no input');
  }
  const reports = onExpiry === 'charge_reported' ? REPORTING_LEASE_SECONDS * 1_000 : deps.leaseMs;
  const leaseMs = askedLeaseMs ?? reports;
  const { overCapture, debtLimit } = deps.beyond;
  const terms = { overCapture, debtLimit, inputCost, leaseMs: askedLeaseMs ?? REPORTING_LEASE_SECONDS * 1_000 };
  const { model, usage, serviceTier } = pricing;
  const hold = holdOf({
    accountId, holdId, kind: LEASE, amount: { minimum, desired }, price: pricing.price, by, isNewId, terms, key, ownLimits,
    askedTerms, holdMax: deps.holdMax,
    // Without a report it charges nothing.
    expiryPolicy: onExpiry ?? 'charge_reported',
    spending: model === '' ? command.spending
      : { ...command.spending, model, otherModels: [deps.book.named(pricing.price).by.model] },
    fingerprint: fingerprintOf(command),
    facts: {
      lease: { model, ...(pricing.price === '' ? {} : { usage, serviceTier }) }, actor, ...(metadata === undefined ? {} : { metadata }),
      ...spendingFact(command.spending),
      ...(reason === null ? {} : { reason }), type: 'lease',
    },
  }, leaseMs);
  return { command, hold, pricing, leaseMs };
}

/** The lease that was placed. Throws GatewayError for a refusal. */
function leaseOf(deps: LeaseDeps, { command, pricing, leaseMs }: Plan, reply: PlaceHoldReply): Lease {
  const { accountId, holdId, asked } = command;
  if (reply.status === 'hold_exists') {
    throw new GatewayError('idempotency_mismatch', `hold ${holdId} was placed by another request; use a new id`);
  }
  if (reply.status === 'limit_reached') throw nativeLimitReached(reply.required, reply);
  if (reply.status === 'hold_limit') throw invalid(placeOfAmount(asked), HOLD_TOO_LARGE);
  if (reply.status === 'no_hold_limit') throw invalid('body.price.maxOutputTokens', 'is missing: this model has no maximum of its own');
  if (reply.status === 'laxer_terms') throw laxerTerms(reply);
  if (reply.status !== 'placed') {
    throw placeRefusal(reply, {
      hold: `hold ${holdId}`, taken: 'use a new id', tooMany: 'the account has too many open holds; settle or void some first',
    });
  }
  deps.leasePrices.remember(accountId, holdId, pricing);
  const { amount, expiresAtMs, available, limits, most, replayed } = reply;
  return toLease(deps, command, pricing, {
    amount, expiresAtMs, available, reported: ZERO, reportedUsage: '', limits,
    final: available === 0 || amount === most || limits.some(({ mode, remaining }) => mode === 'refuse' && remaining === 0),
  }, { leaseMs, replayed });
}

/** Of what was asked for, not of what it costs: a repeat is the same request when the price has changed meanwhile. */
export function fingerprintOf({ asked, leaseMs, onExpiry, overCapture, debtLimit, ownLimits, metadata, spending }: PlaceLease): string {
  const { spender, feature } = spending ?? {};
  // `sortedJson` of all of it, without sorting what is known: names in the order of the alphabet, what is undefined left out.
  const amount = 'model' in asked ? sortedJson(asked) : `{"desired":${asked.desired},"minimum":${asked.minimum}}`;
  return fingerprint('lease', `{"asked":${amount}${member('debtLimit', debtLimit)}${member('feature', feature)},"leaseMs":${leaseMs}`
    + `${member('metadata', metadata)}${member('onExpiry', onExpiry)}${member('overCapture', overCapture)}`
    + `${member('ownLimits', ownLimits)}${member('spender', spender)}}`);
}

const member = (name: string, value: unknown): string => (value === undefined ? '' : `,"${name}":${sortedJson(value)}`);

/** One for all holds of an amount: it is remembered with each of them. */
const NO_PRICE: LeasePricing = { price: '', model: '', usage: {}, serviceTier: 'standard' };

function grantOf(deps: LeaseDeps, asked: LeaseAmount): Grant {
  if (!('model' in asked)) {
    const { minimum, desired } = asked;
    return { minimum, desired, inputCost: ZERO, pricing: NO_PRICE };
  }
  const { model, provider, usage, serviceTier, maxOutputTokens, minimumOutputTokens } = asked;
  classCounts(usage, 'body.price');
  const price = refusedAs('unknown_model', 'body.price', () => deps.book.priceOf(model, provider));
  const tokens = maxOutputTokens ?? price.maxOutputTokens;
  const desired = tokens === null ? null : outputCost(price, tokens, asked);
  const least = minimumOutputTokens ?? maxOutputTokens;
  if (maxOutputTokens !== undefined && minimumOutputTokens !== undefined && minimumOutputTokens > maxOutputTokens) {
    throw invalid('body.price.minimumOutputTokens', 'must not be above maxOutputTokens');
  }
  const minimum = least === undefined ? null : outputCost(price, least, asked);
  if (minimum !== null && desired !== null && minimum > desired) {
    throw invalid('body.price.minimumOutputTokens', 'must not be above the maximum of the model');
  }
  return {
    minimum, desired, inputCost: refusedAs('price_missing', 'body.price', () => inputCostOf(price, usage, serviceTier)),
    pricing: { price: price.name, model, usage, serviceTier },
  };
}

const outputCost = (price: Price, tokens: number, { usage, serviceTier }: Extract<LeaseAmount, { readonly model: string }>): Micros =>
  refusedAs('price_missing', 'body.price', () => costOfOutput(price, tokens, usage, serviceTier));

/** What of a request says that the hold shall have more than one may have. */
const placeOfAmount = (asked: LeaseAmount): string => {
  if (!('model' in asked)) return 'body.amount';
  return asked.minimumOutputTokens === undefined ? 'body.price.maxOutputTokens' : 'body.price.minimumOutputTokens';
};
