import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import { writeFacts, type StreamEnd } from '../../ledger/facts.js';
import type { HoldOutcome, Ledger, OverCapture, Principal, SettleHoldReply } from '../../ledger/ledger.js';
import { costOfTokens, type TokenBook } from '../prices/token-book.js';
import { holdResolved, notTheirsToEnd } from './hold-outcome.js';
import type { HoldPrice, HoldPrices } from './hold-prices.js';

export type SettleStreamDeps = {
  readonly ledger: Ledger;
  readonly tokenBook: TokenBook;
  readonly holdPrices: HoldPrices;
  readonly overCapture: OverCapture;
  readonly debtLimit: Micros | null;
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
  const { accountId, holdId } = command;
  const known = deps.holdPrices.recall(accountId, holdId);
  let reply = await settleAt(deps, command, known);
  if (reply.status === 'price_needed') reply = await settleAt(deps, command, reply);
  switch (reply.status) {
    case 'settled': {
      const { outcome, replayed } = reply;
      const cost = micros(outcome.captured + outcome.uncollected);
      return { cost, returned: micros(outcome.released + outcome.expired), outcome, replayed };
    }
    case 'hold_resolved':
      throw holdResolved(`session ${holdId}`, reply.outcome);
    case 'hold_not_found':
      throw new GatewayError('hold_not_found', `session ${holdId} not found`);
    case 'forbidden':
      throw notTheirsToEnd(`session ${holdId}`);
    case 'account_frozen':
      throw new GatewayError('account_frozen', 'the account is frozen; ask an administrator');
    case 'price_needed':
      throw new Error(`the price of hold ${holdId} changed while it was settled`);
  }
}

async function settleAt(
  deps: SettleStreamDeps,
  { accountId, holdId, end, tokens, by }: SettleStreamHold,
  known: HoldPrice | undefined,
): Promise<SettleHoldReply> {
  const price = known === undefined ? null : deps.tokenBook.named(known.price);
  const seconds = known === undefined ? 0 : Math.max(0, Math.round((deps.clock() - known.placedAtMs) / 1_000));
  return deps.ledger.settleHold({
    accountId,
    holdId,
    cost: price === null ? ZERO : costOfTokens(price, tokens),
    price: price === null ? null : price.name,
    overCapture: deps.overCapture,
    debtLimit: deps.debtLimit,
    by,
    fingerprint: fingerprint('stream', end, tokens),
    about: writeFacts({ type: 'stream_end', end, tokens, usage: usageOf(end, holdId, price?.modelId ?? '', tokens, seconds) }),
  });
}

/** The usage row that a stream leaves behind, in the words of contract §2.4. */
function usageOf(end: StreamEnd, sessionId: string, operation: string, tokens: number, streamingDuration: number) {
  return end === 'aborted'
    ? { service: 'chat-streaming-aborted', operation, metadata: { sessionId, partialTokens: tokens, streamingDuration } }
    : { service: 'chat-streaming', operation, metadata: { sessionId, tokens, streamingDuration } };
}
