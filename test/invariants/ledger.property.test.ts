import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { patience, volume } from '../support/volume.js';
import { NO_RULE } from './account-model.js';
import {
  command, type Command, CORRECTION_WINDOW_MS, EXTEND, GRANT, GRANT_FOR_A, History, LEASE, LEASE_FOR_A, REPORT, SETTLE,
} from './history.js';

/** Number of random histories. */
const RUNS = volume(100, 500);

/** More than ten leases that end together: they are ended in the order of lease end, then name. */
const MANY_DUE: Command[] = [
  ...Array.from({ length: 12 }, (): Command => ({
    op: 'place', minimum: 0, desired: 0, life: 1, by: 'user', policy: 'release', terms: null, spender: 'x', use: {}, tokens: null,
    own: null,
  })),
  { op: 'wait', steps: 1, looks: true },
];

/** A late settle gives back what an expiry charged: debt that is still there, and debt that a grant has paid since. */
const GIVEN_BACK: Command[][] = [[], [GRANT, GRANT, GRANT]].map((between) => [
  GRANT, LEASE, REPORT, { op: 'wait', steps: 1, looks: true }, ...between, SETTLE, GRANT,
]);
/** Usage beyond a hold, of one that may use what is left and of one that may not; what an expiry spent comes back for the same. */
const RULED: Command[][] = [LEASE, LEASE_FOR_A].flatMap((lease) => [
  [GRANT, GRANT_FOR_A, GRANT_FOR_A, lease, EXTEND, { ...SETTLE, cost: 'over', over: 50 }, GRANT_FOR_A],
  [GRANT_FOR_A, GRANT, lease, REPORT, { op: 'wait', steps: 1, looks: true }, SETTLE, lease],
]);
/** An extension under a key: `History` repeats it at once. */
const EXTENDED: Command[] = [GRANT, GRANT, LEASE, EXTEND, EXTEND];
/** Usage of an even hold is reported by class and of an odd one as an amount only. */
const BACKWARDS: Command[] = [GRANT, GRANT, LEASE, LEASE, ...[0, 1].flatMap((which): Command[] => [
  { ...REPORT, which }, { ...REPORT, which, more: 1, back: true }, { ...REPORT, which },
])];

/** A stream by tokens: raised, reported, topped up and stopped where it was told to, and one token later. */
const STREAMED: Command[][] = (['stop', 'beyond'] as const).map((cost) => [
  GRANT, GRANT, GRANT, GRANT, { ...LEASE, tokens: { input: 4, least: 1, most: 5 } }, { ...EXTEND, mode: 'to', desired: 9 },
  { ...REPORT, more: 7, raise: 3 }, { ...REPORT, more: 1, back: true }, { ...SETTLE, cost },
]);
/** A hold that pays for more tokens than a usage can have. */
STREAMED.push([
  { ...LEASE, minimum: 0, desired: 0, tokens: { input: 0, least: 0, most: 0 } },
  { op: 'grant', amount: 100_000_000_000_000, life: 0, rule: NO_RULE },
  { ...EXTEND, minimum: 0, desired: 100_000_000_000_000 }, { ...SETTLE, cost: 'beyond' },
]);

/** A limit begins anew, or is removed and defined again, while a hold is open: the hold is extended, reported or ended under it. */
const LIMIT: Command = { op: 'limit', kind: 'total', amount: 80, anew: false };
const REDEFINED: Command[][] = [LIMIT, { ...LIMIT, kind: 'each' } as const, { ...LIMIT, kind: 'rolling' } as const].flatMap((limit) => [
  [{ ...limit, anew: true }], [{ ...limit, amount: null }, limit],
].flatMap((again): Command[][] => [{ ...EXTEND, minimum: 0, desired: 90 }, REPORT, SETTLE, { op: 'void', which: 0, by: 'user' } as const]
  .map((last) => [GRANT, GRANT, GRANT, limit, LEASE, ...again, last as Command, { op: 'wait', steps: 1, looks: true }])));
/** What is released goes back to the window that it was taken from, after others have begun. */
const GIVEN_BACK_LATER: Command[][] = [SETTLE, { op: 'void', which: 0, by: 'user' } as const].map((end) => [
  GRANT, GRANT, { ...LIMIT, kind: 'minute' } as const, { ...LIMIT, kind: 'each' } as const, { ...LEASE, life: 4 },
  { op: 'wait', steps: 2, looks: false }, { ...LEASE, life: 4 }, end,
]);

const EXAMPLES = [MANY_DUE, BACKWARDS, EXTENDED, ...GIVEN_BACK, ...RULED, ...STREAMED, ...REDEFINED, ...GIVEN_BACK_LATER];

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 256, correctionWindowMs: CORRECTION_WINDOW_MS }); });
afterAll(async () => { await under.close(); });

test('every history gives the answers and the state of the model, and a journal that replays to it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }), async (commands) => {
      const account = await History.begin(under);
      for (const each of commands) await account.run(each);
      await account.checkJournal();
    }),
    { numRuns: RUNS, examples: EXAMPLES.map((each): [Command[]] => [each]) },
  );
}, patience(900_000));
