import type { Micros } from '../../kit/money/micros.js';
import { writeFacts, type WrittenFacts } from '../../ledger/facts.js';
import type { Ledger, OverCapture, Principal, SettleHoldReply } from '../../ledger/ledger.js';
import type { HoldPrice } from './hold-prices.js';

export type SettleHoldDeps = {
  readonly ledger: Pick<Ledger, 'settleHold'>;
  readonly overCapture: OverCapture;
  /** Debt may not pass this; null: no limit. */
  readonly debtLimit: Micros | null;
};

/** What a hold's end costs. `price` null: the price of the hold is not known. */
export type PricedEnd = { readonly cost: Micros; readonly price: string | null; readonly facts: WrittenFacts };

export type SettleHoldCommand = {
  readonly accountId: string;
  readonly holdId: string;
  /**
   * The cost at the price that the hold was placed with. Asked with `known` first, and once more with the hold's own price if
   * that was another.
   */
  readonly priced: (price: HoldPrice | undefined) => PricedEnd;
  /** What this process remembers of the hold's price: only saves a round trip. */
  readonly known?: HoldPrice | undefined;
  readonly by: Principal;
  /** Models that were used, for limits. */
  readonly models?: readonly string[];
  /** Tells a repeat from another settle: of how it ended, and of the usage. */
  readonly fingerprint: string;
  /** See `SettleHold` of the ledger. */
  readonly corrects?: number | null;
};

/** What a settle came to. All but `settled` are refusals, which changed nothing; `endRefusal` turns one into a failure. */
export type SettledHold = Exclude<SettleHoldReply, { readonly status: 'price_needed' }>;

/**
 * Charges what a hold was used for, at the price it was placed with, and gives the rest back. One that has ended already is
 * charged the difference when this costs more, once.
 *
 * @throws GatewayError ledger_unavailable: it may have happened if its `outcome` is `unknown`; the same command again
 *   resolves that.
 */
export async function settleHold(deps: SettleHoldDeps, command: SettleHoldCommand): Promise<SettledHold> {
  let reply = await settleAt(deps, command, command.known);
  if (reply.status === 'price_needed') reply = await settleAt(deps, command, reply);
  if (reply.status === 'price_needed') throw new Error(`the price of hold ${command.holdId} changed while it was settled`);
  return reply;
}

function settleAt(
  { ledger, overCapture, debtLimit }: SettleHoldDeps, command: SettleHoldCommand, known: HoldPrice | undefined,
): Promise<SettleHoldReply> {
  const { accountId, holdId, by, fingerprint, corrects, models } = command;
  const { cost, price, facts } = command.priced(known);
  return ledger.settleHold({
    accountId, holdId, cost, price, overCapture, debtLimit, fingerprint, about: writeFacts(facts), by, models,
    ...(corrects === undefined ? {} : { corrects }),
  });
}
