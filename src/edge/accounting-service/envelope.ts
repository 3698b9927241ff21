import { failureFields, type Envelope } from '../http/failure.js';

/**
 * A failure in the words of the accounting service: the superset of what its callers read (docs/contracts/README.md#c-11). `message`
 * is what they show, `error` the code to branch on, `sources` what was wrong and where. Never a stack.
 */
export const accountingEnvelope: Envelope = {
  schema: 'Error',
  mediaType: 'application/json',
  write: failureFields,
};
