import type { Reply } from '../stores/redis/script.js';
import type { OverCapture } from './hold-terms.js';
import type { LaxerTerms, PlacedHold, PlaceHoldReply } from './place-port.js';
import { amountAt, decodeLimitStates, decodeOutcome, decodeRefusal, isReplayed, textAt, undocumented } from './replies.js';

/** The answer of place-hold. */
export function decodePlaceReply(reply: Reply): PlaceHoldReply {
  const status = reply[0];
  switch (status) {
    case 'placed':
      return { status, replayed: isReplayed(reply), ...decodePlaced(reply) };
    case 'insufficient_credits':
      return { status, available: amountAt(reply, 1), required: amountAt(reply, 2) };
    case 'limit_reached':
      return { status, available: amountAt(reply, 1), limit: decodeRefusal(reply, 2), required: amountAt(reply, 7) };
    case 'hold_limit':
      return { status, most: amountAt(reply, 1) };
    case 'laxer_terms':
      return { status, ...decodeLaxer(reply) };
    case 'unknown_limit':
      return { status, limitId: textAt(reply, 1) };
    case 'hold_resolved':
      return { status, outcome: decodeOutcome(reply, 1) };
    case 'no_hold_limit':
    case 'hold_exists':
    case 'idempotency_mismatch':
    case 'too_many_holds':
    case 'account_frozen':
      return { status };
    default:
      throw undocumented('place-hold', reply);
  }
}

/** `placed replayed seq amount expires_at_ms placed_at_ms available limits most` */
const decodePlaced = (reply: Reply): PlacedHold => ({
  seq: amountAt(reply, 2),
  amount: amountAt(reply, 3),
  expiresAtMs: amountAt(reply, 4),
  placedAtMs: amountAt(reply, 5),
  available: amountAt(reply, 6),
  limits: decodeLimitStates(textAt(reply, 7)),
  most: textAt(reply, 8) === '' ? null : amountAt(reply, 8),
});

/** `term allowed` of a refusal of laxer terms. */
function decodeLaxer(reply: Reply): LaxerTerms {
  const term = textAt(reply, 1);
  if (term === 'debt_limit') return { term, allowed: amountAt(reply, 2) };
  return { term: term === 'no_debt' ? term : 'over_capture', allowed: textAt(reply, 2) as OverCapture };
}
