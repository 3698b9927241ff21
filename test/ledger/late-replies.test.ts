import { expect, test } from '@jest/globals';
import { micros } from '../../src/kit/money/micros.js';
import { testLedger } from '../support/ledger.js';

test('a reply that comes after the shard has got another server is unknown, and a repeat is answered by that one', async () => {
  let [isPaused, isReplaced] = [false, false];
  const under = await testLedger({
    // A paused master executes what waits in its sockets when it wakes up; the shard has been verified elsewhere meanwhile.
    between: ({ client, fence }) => {
      const late = <T>(reply: T): T => {
        isReplaced ||= isPaused;
        return reply;
      };
      return {
        client: {
          evalsha: async (...args) => late(await client.evalsha(...args)),
          eval: async (...args) => late(await client.eval(...args)),
        },
        fence: {
          ...fence,
          epochOf: (shard) => {
            const epoch = fence.epochOf(shard);
            return isReplaced && epoch !== null ? { ...epoch } : epoch;
          },
        },
      };
    },
  });
  try {
    const grant = (key: string): Promise<unknown> => under.ledger.grantLot({
      accountId: 'alice', lotId: key, amount: micros(5), expiresAtMs: null, key: `intent:${key}`, kind: 'grant', about: '{}',
    });
    await grant('1');
    isPaused = true;
    await expect(grant('2')).rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'unknown' });
    [isPaused, isReplaced] = [false, false];
    await grant('2');
    expect((await under.ledger.readBalance('alice')).available).toBe(10);
    expect(await under.journal('alice')).toHaveLength(2);
  } finally {
    await under.close();
  }
});
