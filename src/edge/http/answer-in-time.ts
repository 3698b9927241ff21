import { sharedDeadline } from '../../kit/deadline.js';
import { GatewayError } from '../../kit/errors.js';

/** Waits for the work of a request, at most until its deadline. @throws TooLate when it is over */
export type InTime = <T>(method: string, work: () => T | Promise<T>) => T | Promise<T>;

/** The deadline has passed. The work goes on, and its result is dropped: a repeat of a write under the same key gets it. */
export class TooLate extends GatewayError {
  constructor(method: string) {
    super('ledger_unavailable', 'the request was not answered in time', { outcome: method === 'GET' ? 'not_executed' : 'unknown' });
  }
}

/**
 * A deadline of `ms` for answers. Every single statement has one of its own, but a request may run several, and wait for a
 * connection before each.
 */
export function answerWithin(ms: number): InTime {
  const deadline = sharedDeadline(ms);
  return (method, work) => {
    const begun = work();
    if (!(begun instanceof Promise)) return begun;
    return new Promise((resolve, reject) => {
      const cancel = deadline(() => { reject(new TooLate(method)); });
      begun.then(resolve, reject);
      begun.then(cancel, cancel);
    });
  };
}

/** No deadline. */
export const answerWhenDone: InTime = (_, work) => work();

/** For many works of one request: after the first that is late, no other is begun. */
export function untilOneIsLate(inTime: InTime): InTime {
  let isLate = false;
  return async (method, work) => {
    if (isLate) {
      throw new GatewayError('ledger_unavailable', 'an operation before this one was not answered in time', { outcome: 'not_executed' });
    }
    try {
      return await inTime(method, work);
    } catch (error) {
      isLate ||= error instanceof TooLate;
      throw error;
    }
  };
}
