import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { HoldOutcome } from '../../ledger/ledger.js';

/**
 * The refusal of a request that comes too late for its hold. `what` names the hold in the caller's words; `first` of the
 * error tells how it ended.
 */
export const holdResolved = (what: string, outcome: HoldOutcome): GatewayError =>
  new GatewayError('hold_resolved', `${what} has already ended: ${outcome.state}, ${toCredits(outcome.captured)} credits charged`, {
    first: describe(outcome),
  });

/** What the usage of an ended hold cost, whether or not all of it could be taken. */
export const costOf = ({ captured, uncollected }: HoldOutcome): Micros => micros(captured + uncollected);

/** What of it did not go to anybody: back to lots, or gone with lots that had expired. */
export const returnedOf = ({ released, expired }: HoldOutcome): Micros => micros(released + expired);

const describe = (outcome: HoldOutcome): Record<string, unknown> => ({
  state: outcome.state,
  charged: toCredits(outcome.captured),
  released: toCredits(outcome.released),
  endedAt: new Date(outcome.endedAtMs).toISOString(),
});
