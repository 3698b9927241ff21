import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { HoldOutcome } from '../../ledger/ledger.js';

/**
 * The refusal of a request that comes too late for its hold. `what` names the hold in the caller's words; `first` of the
 * error tells how it ended.
 */
export const holdResolved = (what: string, outcome: HoldOutcome): GatewayError =>
  new GatewayError('hold_resolved', `${what} has already ended: ${outcome.state}, ${toCredits(outcome.captured)} credits charged`, {
    first: describe(outcome),
  });

/** The refusal of a user who would end what a service placed. */
export const notTheirsToEnd = (what: string): GatewayError =>
  new GatewayError('forbidden', `${what} was placed by a service; only a service or an operator can end it`);

const describe = (outcome: HoldOutcome): Record<string, unknown> => ({
  state: outcome.state,
  charged: toCredits(outcome.captured),
  released: toCredits(outcome.released),
  endedAt: new Date(outcome.endedAtMs).toISOString(),
});
