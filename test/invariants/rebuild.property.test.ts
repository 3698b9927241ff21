import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { deleteLimit, lockLimits, writeLimit } from '../../src/credits/limits/limit.table.js';
import { GatewayError } from '../../src/kit/errors.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { patience, volume } from '../support/volume.js';
import {
  command, type Command, CORRECTION_WINDOW_MS, evictCommand, EXTEND, GRANT, GRANT_FOR_A, History, LEASE, LEASE_FOR_A, REPORT, SETTLE,
} from './history.js';

/**
 * The fence also checks every second and may close a shard once more right after a loss was handled. The answer then is
 * `not_executed`, and a caller has to retry.
 */
const patient = (ledger: Ledger): Ledger => new Proxy(ledger, {
  get: (target, name: keyof Ledger) => async (...args: readonly unknown[]): Promise<unknown> => {
    const run = (): Promise<unknown> => (target[name] as (...each: readonly unknown[]) => Promise<unknown>).apply(target, [...args]);
    for (;;) {
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof GatewayError) || error.outcome !== 'not_executed') throw error;
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
    }
  },
});

/** Fewer histories than the other property: each costs transactions. */
const RUNS = volume(10, 50);

/** A lease that is lost after each of its steps. */
const LOST: [Command[], Command[], Command[]][] = [
  [[GRANT, GRANT, LEASE, EXTEND, { ...REPORT, more: 5 }], [EXTEND, { ...REPORT, more: 1, back: true }], [{ ...SETTLE, cost: 'amount' }]],
  [[GRANT, LEASE, REPORT, { op: 'wait', steps: 1, looks: true }], [SETTLE], [GRANT]],
  // What it is for, and for what its lots are, is known after each loss.
  [[GRANT, GRANT_FOR_A, GRANT_FOR_A, LEASE_FOR_A], [EXTEND], [{ ...SETTLE, cost: 'over', over: 50 }]],
  [[GRANT_FOR_A], [LEASE], [GRANT, LEASE]],
  [[GRANT_FOR_A, GRANT_FOR_A, LEASE_FOR_A, REPORT], [{ op: 'wait', steps: 1, looks: true }], [SETTLE, LEASE]],
  [[GRANT, LEASE, REPORT], [{ op: 'wait', steps: 1, looks: true }], [SETTLE, GRANT]],
];

let under: DurableLedger;
beforeAll(async () => { under = await durableLedger({ correctionWindowMs: CORRECTION_WINDOW_MS }); });
afterAll(async () => { await under.close(); });

test('an account that Redis has lost, or that was evicted, is restored from Postgres and behaves as before', async () => {
  const any = fc.oneof({ weight: 5, arbitrary: command }, { weight: 1, arbitrary: evictCommand });
  const part = fc.array(any, { minLength: 1, maxLength: 15, size: 'max' });
  await fc.assert(
    fc.asyncProperty(part, part, part, async (...parts) => {
      const ledger = patient(under.ledger);
      const account = await History.begin({ ...under, ledger }, async (accountId, limits, nowMs) => {
        await under.db.transaction(async (trx) => {
          await lockLimits(trx, accountId);
          await trx.raw('delete from account_limits where account_id = ?', [accountId]);
          await deleteLimit(trx, accountId, limits.version, '');
          for (const limit of limits.limits) await writeLimit(trx, accountId, limits.version, limit, 'test');
        });
        await ledger.setLimits({ accountId, limits, nowMs });
      });
      for (const commands of parts) {
        for (const each of commands) await account.run(each);
        await under.drain();
        await under.loseRedis();
        account.lose();
      }
      await account.checkJournal();
    }),
    { numRuns: RUNS + LOST.length, examples: LOST },
  );
}, patience(900_000));
