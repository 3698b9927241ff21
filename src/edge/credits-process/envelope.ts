import { failureFields, type Envelope } from '../http/failure.js';

/**
 * A failure in the words of the credits process (docs/contracts/README.md#c-11). `data` is what makes the guide's own client work: it
 * reads `result.data.message` whatever happened, and the original's errors have no `data`. Never a stack.
 */
export const creditsProcessEnvelope: Envelope = {
  schema: 'Error',
  mediaType: 'application/json',
  write: (failure) => ({ ...failureFields(failure), data: { status: 'not-accessible', message: failure.message } }),
};
