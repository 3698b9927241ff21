import { GatewayError, InsufficientCreditsError, isUnavailable } from '../../clients/typescript/src/index.js';
import { ApiError } from './errors.js';

const RETRY_AFTER_MS = 2_000;
const MS = 1_000;

/** What a caller of the proxy is told when the gateway refuses, or does not answer. */
export function creditsError(error: unknown): ApiError {
  if (error instanceof InsufficientCreditsError) {
    const { available, required, limit, resetsAt } = error;
    const until = typeof resetsAt === 'string' ? ` until ${resetsAt}` : '';
    const ofLimit = limit === undefined ? '' : ` The limit "${limit}" is reached${until}.`;
    const message = `This message needs at least ${required} credits, and ${available} are available.${ofLimit}`;
    return new ApiError(402, { message, type: 'insufficient_quota', code: 'insufficient_quota' });
  }
  const { code, retryAfterMs = RETRY_AFTER_MS } = error instanceof GatewayError ? error : { code: undefined };
  if (code === undefined || isUnavailable(error)) {
    return new ApiError(503, { message: 'Credits cannot be checked at the moment', code: 'credits_unavailable' },
      Math.ceil(retryAfterMs / MS));
  }
  if (code === 'unknown_model' || code === 'price_missing') {
    return new ApiError(404, { message: 'This model does not exist here, or has no price', code: 'model_not_found', param: 'model' });
  }
  if (code === 'account_frozen') return new ApiError(403, { message: 'This account is frozen', code });
  // What is left is a mistake of this proxy, such as a key without the scope.
  return new ApiError(500, { message: 'The gateway of credits refused the request of this proxy', code: 'credits_refused' });
}

/** Whether the same request may succeed later. */
export const isUncertain = (error: unknown): boolean =>
  !(error instanceof GatewayError) || error.status === 0 || error.status === 429 || error.status >= 500;

export const isPriceMissing = (error: unknown): boolean => error instanceof GatewayError && error.code === 'price_missing';
