import { GatewayError } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';

/** The refusal of what costs more than there is. */
export const insufficientCredits = (needed: Micros, available: Micros): GatewayError =>
  new GatewayError('insufficient_credits', `${toCredits(needed)} credits needed, ${toCredits(available)} available`, {
    shortage: { required: needed, available },
  });
