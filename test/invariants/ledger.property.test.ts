import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { command, History } from './history.js';

/** How many random histories run; a soak sets more (README, "Tests"). */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 500);

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 256 }); });
afterAll(async () => { await under.close(); });

test('any history gives the answers and the state of the model, and a journal that replays to it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }), async (commands) => {
      const account = await History.begin(under);
      for (const each of commands) await account.run(each);
      await account.checkJournal();
    }),
    { numRuns: RUNS },
  );
}, 600_000);
