import { failureFields, type Envelope } from '../http/failure.js';

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
  write: (failure) => {
    const { code, message } = failure;
    return {
      ...failureFields(failure),
      ...(code === 'unauthenticated' ? { message: UNAUTHORIZED.get(message) ?? message, error: 'Unauthorized' } : { error: message }),
      code,
    };
  },
};
