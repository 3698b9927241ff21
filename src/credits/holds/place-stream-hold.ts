import { STREAM } from '../../books/session.table.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { pricedByOther } from '../prices/price-tokens.js';
import { bufferedEstimate, costOfTokens, type TokenBook } from '../prices/token-book.js';
import type { HoldPrices } from './hold-prices.js';
import { placeRefusal } from './hold-refusals.js';
import { placeHold, type PlaceHoldDeps } from './place-hold.js';

export type StreamHoldDeps = PlaceHoldDeps & { readonly tokenBook: TokenBook; readonly holdPrices: HoldPrices };

export type PlaceStreamHold = {
  readonly accountId: string;
  readonly holdId: string;
  readonly modelId: string;
  /** Tokens the answer may need, > 0. */
  readonly estimatedTokens: number;
};

export type StreamHold = {
  readonly holdId: string;
  readonly amount: Micros;
  readonly available: Micros;
  readonly expiresAtMs: number;
  readonly replayed: boolean;
};

/**
 * Reserves what a stream is estimated to cost, with the buffer of
 * docs/contracts/accounting-service.md#streaming-sessions. The same again while it is open is the
 * same hold.
 *
 * @throws GatewayError insufficient_credits, conflict (the id is another open hold's), hold_resolved (a hold of that id has
 *   ended; `first` tells how), limit_exceeded, account_frozen,
 *   ledger_unavailable. None of them changed anything, except `unknown` outcomes of the last, which a retry with the
 *   same hold id resolves.
 */
export async function placeStreamHold(deps: StreamHoldDeps, command: PlaceStreamHold): Promise<StreamHold> {
  const { accountId, holdId, modelId, estimatedTokens } = command;
  const price = deps.tokenBook.priceOf(modelId);
  const estimate = costOfTokens(price, estimatedTokens);
  const amount = bufferedEstimate(estimate);
  const reply = await placeHold(deps, {
    accountId,
    holdId,
    kind: STREAM,
    amount,
    price: price.name,
    facts: { type: 'stream', modelId, estimatedTokens, estimate, ...pricedByOther(price) },
    by: 'user',
    spending: { model: modelId, otherModels: [price.by.model] },
    fingerprint: fingerprint('stream', modelId, estimatedTokens),
  });
  if (reply.status !== 'placed') {
    throw placeRefusal(reply, {
      hold: `session ${holdId}`, taken: 'use a new sessionId', tooMany: 'too many open sessions; finalize or abort some first',
    });
  }
  deps.holdPrices.remember(accountId, holdId, { price: price.name, placedAtMs: reply.placedAtMs });
  return { holdId, amount: reply.amount, available: reply.available, expiresAtMs: reply.expiresAtMs, replayed: reply.replayed };
}
