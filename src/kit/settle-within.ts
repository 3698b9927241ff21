import { orLate } from './deadline.js';

/**
 * Waits for work to end, but no longer than `ms`; never rejects. For closing what may wait for a server that is gone:
 * BullMQ's `close` waits for Redis for ever, and stopping must not.
 */
export async function settleWithin(ms: number, work: Promise<unknown>): Promise<void> {
  await orLate(ms, work.catch(() => undefined), () => undefined);
}
