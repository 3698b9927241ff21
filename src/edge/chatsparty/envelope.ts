import type { Envelope } from '../http/failure.js';

/** What the original says to a caller it does not know (docs/contracts/README.md#identity). An expired token is an invalid one there. */
const UNAUTHORIZED: ReadonlyMap<string, string> = new Map([
  ['Authentication token required', 'No authorization header provided'],
  ['Token expired', 'Invalid token'],
]);

/**
 * A failure in the words of the credit service, as a superset (docs/contracts/README.md#c-11): its callers show `error`, which is the
 * text, but "Unauthorized" where the token is at fault. `code` is what other dialects have in `error`.
 */
export const chatspartyEnvelope: Envelope = {
  schema: 'TextError',
  mediaType: 'application/json',
  write: ({ status, code, message, sources, outcome, first, requestId }) => {
    const isUnauthorized = code === 'unauthenticated';
    return {
      success: false,
      status,
      message: isUnauthorized ? (UNAUTHORIZED.get(message) ?? message) : message,
      error: isUnauthorized ? 'Unauthorized' : message,
      code,
      sources,
      ...(outcome === undefined ? {} : { outcome }),
      ...(first === undefined ? {} : { first }),
      requestId,
    };
  },
};
