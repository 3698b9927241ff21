import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { command, History } from './history.js';

/** A tenth of the histories of the other property: each of these costs transactions. */
const RUNS = Math.ceil(Number(process.env['PROPERTY_RUNS'] ?? 500) / 10);

let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

test('an account that Redis has lost comes back from Postgres and goes on as if nothing had happened', async () => {
  const part = fc.array(command, { minLength: 1, maxLength: 15, size: 'max' });
  await fc.assert(
    fc.asyncProperty(part, part, part, async (...parts) => {
      const account = await History.begin(under);
      for (const commands of parts) {
        for (const each of commands) await account.run(each);
        await under.drain();
        await under.loseRedis();
      }
      await account.checkJournal();
    }),
    { numRuns: RUNS },
  );
}, 600_000);
