import type { RefusalReason, Refused, RefusedRequest } from '../../credits/refusals/refusal.js';
import type { Clock } from '../../kit/clock.js';
import type { Meter } from '../../kit/metrics/metrics.js';
import type { GatewayContext } from './context.js';

/**
 * Says that this request was refused. The error boundary says it of every failure; a route says it of an answer that is
 * no error and means no.
 */
export function refuse(ctx: GatewayContext, reason: RefusalReason, message: string): void {
  ctx.state.refused = { reason, message };
}

export type TellRefusal = (ctx: GatewayContext, refused: Refused) => void;

export type TellRefusalDeps = {
  readonly metrics: Pick<Meter, 'count'>;
  readonly clock: Clock;
  readonly record: (refused: RefusedRequest) => void;
};

/**
 * Counts a refusal, and keeps it where it is known whose it is. Called once per request, when the answer is decided. Not
 * logged: a log in which every refusal has a line is one that a single client can fill.
 */
export function tellRefusal({ metrics, clock, record }: TellRefusalDeps): TellRefusal {
  return (ctx, { reason, message }) => {
    metrics.count('refusals', { reason });
    const { requestId, accountId, route } = ctx.state;
    // What comes too fast is counted, not kept: a record for each would be work that the refusal is to spare.
    if (accountId === undefined || reason === 'rate_limited') return;
    record({
      accountId, atMs: clock(), reason, method: route?.method ?? 'any', route: route?.path ?? 'unmatched', status: ctx.status,
      message, requestId,
    });
  };
}
