import { orLate } from './deadline.js';

/**
 * Waits for work to end, but at most `ms`; never rejects. For closing what may wait for an unreachable server: BullMQ's
 * `close` waits for Redis without limit, and stopping must not.
 */
export async function settleWithin(ms: number, work: Promise<unknown>): Promise<void> {
  await orLate(ms, work.catch(() => undefined), () => undefined);
}
