import { accountFrozen, GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { METADATA_BYTES_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import { readFacts, type WrittenFacts } from '../../ledger/facts.js';
import type { HoldOutcome, Ledger } from '../../ledger/ledger.js';
import type { EndpointName, FeatureEndpoint } from '../features/feature.js';
import type { FindUsedEndpoint } from '../features/used-endpoints.js';
import { costOf } from '../holds/hold-outcome.js';
import { endRefusal } from '../holds/hold-refusals.js';
import { placeHold, type PlaceHoldDeps } from '../holds/place-hold.js';
import { settleHold, type SettleHoldCommand, type SettleHoldDeps, type SettledHold } from '../holds/settle-hold.js';
import { modelKey, type ModelBook, type ModelItemDetails, type ModelUsage } from '../prices/model-book.js';
import { priceUsages, sumByModel, type PricedUsages } from './price-usages.js';
import { NO_PRICE, PROCESS, processHoldId, unnamedHoldId, walletBalance } from './process-hold.js';

export type SettleProcessDeps = PlaceHoldDeps & SettleHoldDeps & {
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly modelBook: ModelBook;
  readonly usedEndpoint: FindUsedEndpoint;
};

export type SettleProcess = {
  readonly accountId: string;
  /** The caller's name for this usage, from its start or its own: charged once, whatever way it comes. */
  readonly usageKey: string | null;
  /** The name for usage without a usage_key. A repeat must use the same name. */
  readonly unnamed: string;
  readonly endpoint: EndpointName;
  readonly usages: readonly ModelUsage[];
};

export type SettledProcess = {
  readonly details: readonly ModelItemDetails[];
  /** What the usage cost, whether or not all of it could be taken. */
  readonly total: Micros;
  readonly replayed: boolean;
  readonly outcome: HoldOutcome;
};

/** A settlement as it is sent to the ledger, and how it was priced. */
type PricedSettle = { readonly end: SettleHoldCommand; readonly priced: PricedUsages };

/**
 * Charges what a process used: from the hold of its start, or without one where there was none. The full cost is always
 * recorded, into debt if need be (I8, docs/contracts/README.md#c-17), in one settlement for all its models. A usage key that was settled
 * before is charged the difference when its usage costs more at the prices of then, once; a usage without one is settled
 * once.
 *
 * @throws GatewayError not_found (no such endpoint), invalid_request (a model without a price), hold_resolved (the key was
 *   settled with usage that costs more, or too long ago; `first` tells how), account_frozen, limit_exceeded,
 *   ledger_unavailable. The last three may pass; asking again under the same key is always safe.
 */
export async function settleProcess(deps: SettleProcessDeps, command: SettleProcess): Promise<SettledProcess> {
  const endpoint = await deps.usedEndpoint(command.endpoint);
  if (endpoint === null) throw new GatewayError('not_found', 'Feature endpoint not found');
  let { end, priced } = priceEnd(deps, command, endpoint, null);
  let reply = await settleHold(deps, end);
  if (reply.status === 'hold_not_found') {
    await placeEmpty(deps, end, endpoint);
    reply = await settleHold(deps, end);
  }
  // A name of ours stands for one request: other usage under it is another request, not a correction.
  if (reply.status === 'hold_resolved' && command.usageKey !== null) {
    ({ reply, end, priced } = await correct(deps, command, endpoint, reply.outcome));
  }
  switch (reply.status) {
    case 'settled': {
      const { outcome, replayed } = reply;
      return {
        details: replayed ? firstDetails(deps.modelBook, command.usages, outcome, priced) : priced.details, total: costOf(outcome),
        replayed, outcome,
      };
    }
    case 'hold_resolved':
    case 'account_frozen':
      throw endRefusal(reply, command.usageKey === null ? 'the settlement under this key' : `usage_key ${command.usageKey}`);
    case 'hold_not_found':
    case 'forbidden':
    case 'idempotency_mismatch':
      throw new Error(`hold ${end.holdId} answered ${reply.status} to a settlement`);
  }
}

/**
 * Settles a hold again that has ended with other usage: priced as its end was, and refused by the ledger when it has been
 * corrected meanwhile; then the same with the newer end, which can only have charged more.
 */
async function correct(
  deps: SettleProcessDeps, command: SettleProcess, endpoint: FeatureEndpoint, ended: HoldOutcome,
): Promise<PricedSettle & { readonly reply: SettledHold }> {
  for (let earlier = ended; ;) {
    const { end, priced } = priceEnd(deps, command, endpoint, earlier);
    const reply = await settleHold(deps, end);
    if (reply.status !== 'hold_resolved' || reply.outcome.seq === earlier.seq) return { end, priced, reply };
    earlier = reply.outcome;
  }
}

/** Prices the usage: of a hold that has ended before, at the prices of that end. */
function priceEnd(deps: SettleProcessDeps, command: SettleProcess, endpoint: FeatureEndpoint, earlier: HoldOutcome | null): PricedSettle {
  const { accountId, usageKey, usages } = command;
  const priced = priceUsages(deps.modelBook, usages, earlier === null ? {} : (pricesOf(earlier.about) ?? {}));
  const facts = factsOf(endpoint, command, priced);
  const end: SettleHoldCommand = {
    accountId,
    holdId: usageKey === null ? unnamedHoldId(command.unnamed) : processHoldId(usageKey),
    priced: () => ({ cost: priced.total, price: NO_PRICE, facts }),
    by: 'service',
    models: [...usages.flatMap(({ aiModel }) => aiModel ?? []), ...priced.by.map(({ model }) => model)],
    corrects: earlier === null ? null : earlier.seq,
    fingerprint: fingerprint('credits-process/end', endpoint.endpointId, ...usages.flatMap(tellingUsage)),
  };
  return { end, priced };
}

/** A usage in a fingerprint. */
const tellingUsage = ({ aiModel, inputTokens, outputTokens, ...classes }: ModelUsage): (string | number | null)[] => [
  aiModel === undefined ? null : modelKey(aiModel), inputTokens, outputTokens, ...classesIn(classes),
];

/** What a usage says beyond its totals, as one text; nothing where it says no more, so that such a usage is what it always was. */
function classesIn(classes: object): string[] {
  const told = Object.entries(classes as Readonly<Record<string, unknown>>).filter(([, value]) => value !== undefined && value !== 0);
  return told.length === 0 ? [] : [JSON.stringify(Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1))))];
}

/** The account's wallet now, for those who are told. */
export const balanceAfter = async ({ ledger }: Pick<SettleProcessDeps, 'ledger'>, accountId: string): Promise<Micros> =>
  walletBalance(await ledger.readBalance(accountId));

/**
 * A hold of nothing, so that usage without a start has the name under which it is charged once. Two steps, each safe to
 * repeat: a crash between them leaves a hold of nothing, which a repeat settles, late if need be. Neither Redis nor
 * Postgres knew the hold a moment ago, and two that come here at once place the same.
 */
async function placeEmpty(
  deps: SettleProcessDeps, { accountId, holdId }: SettleHoldCommand, { endpointId, value }: FeatureEndpoint,
): Promise<void> {
  const reply = await placeHold(deps, {
    accountId, holdId, kind: PROCESS, amount: ZERO, price: NO_PRICE, by: 'service', isNewId: true, endsAtOnce: true,
    spending: { feature: value },
    fingerprint: fingerprint('credits-process/without-start'),
    facts: { type: 'process', process: 'end-without-start', featureEndpointId: endpointId, feature: value },
  });
  switch (reply.status) {
    case 'placed':
    case 'hold_exists': // started meanwhile: then there is a hold to settle
    case 'hold_resolved': // or it has ended already
      return;
    case 'account_frozen':
      throw accountFrozen();
    case 'too_many_holds':
      throw new GatewayError('limit_exceeded', 'the account has too many open holds');
    case 'insufficient_credits':
    case 'limit_reached':
    case 'idempotency_mismatch':
      throw new Error(`a hold of nothing without a key was answered ${reply.status}`);
    case 'unknown_limit':
    case 'hold_limit':
    case 'no_hold_limit':
    case 'laxer_terms':
      throw new Error(`a hold of nothing was refused: ${reply.status}`);
  }
}

/** What the entry says about itself: a usage record for statistics, and the prices that a repeat is told again. */
function factsOf(
  { endpointId, value }: FeatureEndpoint, { usageKey, usages }: SettleProcess, priced: PricedUsages,
): WrittenFacts {
  const models = sumByModel(usages, priced).map(({ model, inputTokens, outputTokens, charged, classes, pricedBy }) => ({
    model, inputTokens, outputTokens, credits: toCredits(charged),
    ...(classes !== null && { classes }), ...(pricedBy !== null && { pricedBy }),
  }));
  const facts = { featureEndpointId: endpointId, usageKey };
  const metadata = { ...facts, models };
  const isLarge = Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES_MAX;
  return {
    type: 'process_end', process: 'end',
    usage: { service: 'credits-process', operation: value, metadata: isLarge ? { ...facts, models: models.length } : metadata },
    prices: priced.prices,
  };
}

/** The details that the first answer gave: the same usage at the same prices. Without its text, those of now. */
function firstDetails(
  book: ModelBook, usages: readonly ModelUsage[], { about }: HoldOutcome, now: PricedUsages,
): readonly ModelItemDetails[] {
  const prices = pricesOf(about);
  return prices === null ? now.details : priceUsages(book, usages, prices).details;
}

/** Null for a text that was put aside: the money is right all the same. */
function pricesOf(about: string): Readonly<Record<string, string>> | null {
  const facts = readFacts(about);
  return facts.type === 'process_end' ? facts.prices : null;
}
