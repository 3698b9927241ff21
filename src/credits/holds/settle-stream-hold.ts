import { fingerprint } from '../../kit/ids.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import type { StreamEnd } from '../../ledger/facts.js';
import type { HoldOutcome, Principal } from '../../ledger/ledger.js';
import { pricedByOther } from '../prices/price-tokens.js';
import { costOfTokens, type TokenBook } from '../prices/token-book.js';
import { costOf, returnedOf } from './hold-outcome.js';
import type { HoldPrice, HoldPrices } from './hold-prices.js';
import { endRefusal } from './hold-refusals.js';
import { settleHold, type PricedEnd, type SettleHoldDeps } from './settle-hold.js';

export type SettleStreamDeps = SettleHoldDeps & {
  readonly tokenBook: TokenBook;
  readonly holdPrices: HoldPrices;
  readonly clock: () => number;
};

export type SettleStreamHold = {
  readonly accountId: string;
  readonly holdId: string;
  /** How the caller says the stream ended: its answer was whole, it failed, or it was cut off. */
  readonly end: StreamEnd;
  /** Tokens that were used or generated, ≥ 0. */
  readonly tokens: number;
  readonly by: Principal;
};

export type SettledStream = {
  /** What the usage cost, whether or not all of it could be taken. */
  readonly cost: Micros;
  /** The part that was not charged: returned to lots, or expired with lots that ended meanwhile. */
  readonly returned: Micros;
  readonly outcome: HoldOutcome;
  readonly replayed: boolean;
};

/**
 * Charges what a stream used, at the price its hold was placed with, and gives the rest of the hold back. When it has
 * ended already, by whatever call, usage that costs more is charged the difference, once.
 *
 * @throws GatewayError hold_not_found (never placed, or another account's), hold_resolved (it was charged more, or ended
 *   too long ago; `first` tells how), forbidden (a service placed it), account_frozen, ledger_unavailable.
 */
export async function settleStreamHold(deps: SettleStreamDeps, command: SettleStreamHold): Promise<SettledStream> {
  const { accountId, holdId, end, tokens, by } = command;
  const reply = await settleHold(deps, {
    accountId,
    holdId,
    priced: (price) => priceEnd(deps, command, price),
    known: deps.holdPrices.recall(accountId, holdId),
    by,
    fingerprint: fingerprint('stream', end, tokens),
  });
  if (reply.status !== 'settled') throw endRefusal(reply, `session ${holdId}`);
  const { outcome, replayed } = reply;
  return { cost: costOf(outcome), returned: returnedOf(outcome), outcome, replayed };
}

/** The cost of the tokens at the hold's price, with a usage record of the model that it names. */
function priceEnd(
  { tokenBook, clock }: SettleStreamDeps, { holdId, end, tokens }: SettleStreamHold, known: HoldPrice | undefined,
): PricedEnd {
  const price = known === undefined ? null : tokenBook.named(known.price);
  const seconds = known === undefined ? 0 : Math.max(0, Math.round((clock() - known.placedAtMs) / 1_000));
  return {
    cost: price === null ? ZERO : costOfTokens(price, tokens),
    price: price === null ? null : price.name,
    facts: {
      type: 'stream_end', end, tokens, ...(price === null ? {} : pricedByOther(price)),
      usage: usageOf(end, holdId, price?.modelId ?? '', tokens, seconds),
    },
  };
}

/** The usage row that a stream leaves behind, in the words of docs/contracts/accounting-service.md#streaming-sessions. */
function usageOf(end: StreamEnd, sessionId: string, operation: string, tokens: number, streamingDuration: number) {
  return end === 'aborted'
    ? { service: 'chat-streaming-aborted', operation, metadata: { sessionId, partialTokens: tokens, streamingDuration } }
    : { service: 'chat-streaming', operation, metadata: { sessionId, tokens, streamingDuration } };
}
