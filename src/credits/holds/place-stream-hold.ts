import { STREAM } from '../../books/session.table.js';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { bufferedEstimate, costOfTokens, type TokenBook } from '../prices/token-book.js';
import { holdResolved } from './hold-outcome.js';
import type { HoldPrices } from './hold-prices.js';

export type StreamHoldDeps = {
  readonly ledger: Ledger;
  readonly tokenBook: TokenBook;
  readonly holdPrices: HoldPrices;
  readonly leaseMs: number;
};

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
 * Reserves what a stream is estimated to cost, with the buffer of contract §2.4. The same again while it is open is the
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
  const reply = await deps.ledger.placeHold({
    accountId,
    holdId,
    kind: STREAM,
    minimum: amount,
    desired: amount,
    leaseMs: deps.leaseMs,
    expiryPolicy: 'release',
    price: price.name,
    fingerprint: fingerprint('stream', modelId, estimatedTokens),
    about: writeFacts({ type: 'stream', modelId, estimatedTokens, estimate }),
  });
  switch (reply.status) {
    case 'placed':
      deps.holdPrices.remember(accountId, holdId, { price: price.name, placedAtMs: reply.placedAtMs });
      return { holdId, amount: reply.amount, available: reply.available, expiresAtMs: reply.expiresAtMs, replayed: reply.replayed };
    case 'insufficient_credits':
      throw new GatewayError('insufficient_credits', `${toCredits(amount)} credits needed, ${toCredits(reply.available)} available`);
    case 'hold_exists':
      throw new GatewayError('conflict', `session ${holdId} exists with other parameters; use a new sessionId`);
    case 'hold_resolved':
      throw holdResolved(`session ${holdId}`, reply.outcome);
    case 'too_many_holds':
      throw new GatewayError('limit_exceeded', 'too many open sessions; finalize or abort some first');
    case 'account_frozen':
      throw new GatewayError('account_frozen', 'the account is frozen; ask an administrator');
  }
}
