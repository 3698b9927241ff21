import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { expectScenario } from './scenario.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 64 }); });
afterAll(async () => { await under.close(); });

const scenario = (text: string): Promise<string> => expectScenario(under, text);

test('a refund returns to its lots, also to one that was used up, and is one entry that conserves', async () => {
  const accountId = await scenario(`
    grant  l1 10 in=5m      -> granted:10
    grant  l2 90            -> granted:100
    charge 40               -> charged:60
    refund r1 101 to=l2:101 -> not_captured
    refund r1  35 to=l2:30,l1:5 key=intent:1 -> refunded:95
    refund r1  35 to=l2:30,l1:5 key=intent:1 -> refunded:95:replayed
    read                    -> 95:0:l1=5,l2=90
    freeze                  -> changed
    refund r1  35 to=l2:30,l1:5 key=intent:1 -> refunded:95:replayed
    refund r2   1 to=l1:1   -> account_frozen
    thaw                    -> changed
    refund r2   6 to=l1:6   -> not_captured
    refund r2   5 to=l1:5   -> refunded:100
    # The lots are spent as before.
    place  h1  11           -> placed:11:89
    read                    -> 89:11:l2=89+1
  `);
  const refunds = (await under.journal(accountId)).filter(({ kind }) => kind === 'refund');
  expect(refunds.map(({ captured, available, granted, lots }) => [captured, available, granted, lots.length])).toEqual([
    [-35, 35, 0, 2], [-5, 5, 0, 1],
  ]);
});

test('what came from a lot that has ended lives for the grace, or expires at once', async () => {
  await scenario(`
    grant  l1 10 in=1m      -> granted:10
    charge 10               -> charged:0
    wait   2m
    refund r1  4 to=l1:4 grace=2m   -> refunded:4
    read                    -> 4:0:r1=4
    refund r2  6 to=l1:6 grace=none -> refunded:4
    read                    -> 4:0:r1=4
    wait   3m
    sweep                   -> expired:4
  `);
  const accountId = await scenario(`
    grant  l1 10 in=1m      -> granted:10
    charge 10               -> charged:0
    wait   2m
    refund r1 10 to=l1:10 grace=none -> refunded:0
    read                    -> 0:0
  `);
  const entry = (await under.journal(accountId)).at(-1);
  expect([entry?.kind, entry?.captured, entry?.expired, entry?.available]).toEqual(['refund', -10, 10, 0]);
});

test('a refund pays debt first; a debt that was paid meanwhile comes back as a lot of its own', () => scenario(`
  grant  l1 10              -> granted:10
  place  h1 10              -> placed:10:0
  settle h1 18              -> settled:captured=18:overage=8:debt=8
  refund r1  3 to=debt:3    -> refunded:0:debtPaid=3
  grant  l2  2              -> granted:0:debtPaid=2
  # Of 5 that were debt, 2 have been paid since: those come back.
  refund r2  5 to=debt:5    -> refunded:2:debtPaid=3
  read                      -> 2:0:r2=2
  refund r3 10 to=l1:10     -> refunded:12
  read                      -> 12:0:r2=2,l1=10
  # Debt of another use is paid first, too.
  place  h2 12              -> placed:12:0
  settle h2 16              -> settled:captured=16:overage=4:debt=4
  refund r4 10 to=l1:10     -> refunded:6:debtPaid=4
  read                      -> 6:0:l1=6
`));

test('a refund beside an open hold of the same lot, and a lot that ends during it', () => scenario(`
  grant  l1 10 in=2m        -> granted:10
  charge 4                  -> charged:6
  place  h1 6 for=9m        -> placed:6:0
  refund r1 4 to=l1:4       -> refunded:4
  read                      -> 4:6:l1=4+6
  charge 4                  -> charged:0
  wait   3m
  refund r2 3 to=l1:3 grace=1m -> refunded:3
  read                      -> 3:6:r2=3
  settle h1 1               -> settled:captured=1:expired=5
  read                      -> 3:0:r2=3
`));

test('a transfer brings lots with their expiry in one entry; debt is paid first, and what ended on its way expires', async () => {
  const accountId = await scenario(`
    place   h1 0            -> placed:0:0
    settle  h1 7            -> settled:captured=7:overage=7:debt=7
    receive a:5:2m b:5:4m c:5 key=intent:7 -> received:8:debtPaid=7
    receive a:5:2m b:5:4m c:5 key=intent:7 -> received:8:debtPaid=7:replayed
    read                    -> 8:0:b=3,c=5
    receive d:2:-1m e:1     -> received:9
    freeze                  -> changed
    receive f:1             -> account_frozen
  `);
  const received = (await under.journal(accountId)).filter(({ kind }) => kind === 'transfer_in');
  expect(received.map(({ granted, available, expired, debt }) => [granted, available, expired, debt])).toEqual([
    [15, 8, 0, -7], [3, 1, 2, 0],
  ]);
});

test('a transfer that would leave more live lots than an account may have waits', async () => {
  const grants = Array.from({ length: 511 }, (_, i) => `grant l${String(i).padStart(3, '0')} 1 -> granted:${i + 1}`);
  await scenario([...grants, 'receive a:1 b:1 -> too_many_lots', 'receive a:1 -> received:512'].join('\n'));
});
