import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { expectScenario } from './scenario.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 64 }); });
afterAll(async () => { await under.close(); });

const scenario = (text: string): Promise<string> => expectScenario(under, text);

test('extend: by, to, as much as is there; a repeat under its key adds nothing; after the end it is refused', () => scenario(`
  grant  l1 100                -> granted:100
  extend h1  5                 -> hold_not_found
  place  h1 20                 -> placed:20:80
  extend h1 10 key=a           -> extended:30:70
  extend h1 10 key=a           -> extended:30:70:replayed
  extend h1 11 key=a           -> idempotency_mismatch
  extend h1 10                 -> extended:40:60
  extend h1 10                 -> extended:50:50
  extend h1 to=60              -> extended:60:40
  extend h1 to=60              -> extended:60:40
  extend h1 to=10              -> extended:60:40
  extend h1 10 price=q         -> price_needed:p
  extend h1 41                 -> insufficient_credits:40
  extend h1 90 min=20          -> extended:100:0:final
  extend h1  0                 -> extended:100:0:final
  # What the first answer said, whatever has happened since.
  extend h1 10 key=a           -> extended:30:70:replayed
  place  h1 20                 -> placed:20:80:replayed
  read                         -> 0:100:l1=0+100
  settle h1 90                 -> settled:captured=90:released=10
  extend h1  5                 -> hold_resolved:settled:captured=90:released=10
  extend h1 10 key=a           -> extended:30:70:replayed
  freeze                       -> changed
  extend h1 10 key=a           -> extended:30:70:replayed
`.replace('-> 0:100:l1=0+100', '-> 0:100')));

test('extensions end other holds that are due before they refuse, and never a hold of a service for a user', () => scenario(`
  grant  l1 10                 -> granted:10
  place  h1  4 by=service      -> placed:4:6
  place  h2  6 for=1m          -> placed:6:0
  extend h1  1                 -> forbidden
  report h1  1                 -> forbidden
  extend h1  6 by=service      -> insufficient_credits:0
  wait   2m
  extend h1  6 by=service      -> extended:10:0:final
  freeze                       -> changed
  extend h1  0 by=service      -> account_frozen
  report h1  1 by=service      -> account_frozen
`));

test('a lease is renewed by an extension and by a report; only a lease that was asked for ends sooner', () => scenario(`
  grant  l1 10                 -> granted:10
  place  h1  4 for=3m over=debt -> placed:4:6
  wait   2m
  report h1  1                 -> reported:4:1:6
  wait   2m
  extend h1  1                 -> extended:5:5
  wait   2m
  report h1  1                 -> reported:5:1:5
  report h1  2 for=0.5m        -> reported:5:2:5
  wait   1m
  report h1  3                 -> hold_resolved:expired:released=5
`));

test('progress is cumulative: an exact repeat is harmless, less in all or of one class is refused', () => scenario(`
  grant  l1 100                -> granted:100
  report h9  1                 -> hold_not_found
  place  h1 20                 -> placed:20:80
  report h1  5 usage=in:10;out:5   -> reported:20:5:80
  report h1  5 usage=in:10;out:5   -> reported:20:5:80
  report h1  4 usage=in:10;out:4   -> progress_backwards:5
  report h1  9 usage=in:30;out:4   -> progress_backwards:5
  report h1  9                     -> progress_backwards:5
  report h1  9 usage=out:9;in:10 price=q -> price_needed:p
  report h1  9 usage=out:9;in:10   -> reported:20:9:80
  # Usage happened, whether or not the hold covers it.
  report h1 30 usage=out:30;in:10  -> reported:20:30:80
  settle h1  0 use=reported        -> settled:captured=30:overage=10
  report h1 31 usage=out:31;in:10  -> hold_resolved:settled:captured=30:overage=10
`));

test('a report raises the hold in the same step, as far as credits are there', () => scenario(`
  grant  l1 30                 -> granted:30
  grant  l2 10                 -> granted:40
  place  h1 20                 -> placed:20:20
  report h1 15 raise=25        -> reported:25:15:15:added=5
  report h1 15 raise=25        -> reported:25:15:15
  report h1 20 raise=35        -> reported:35:20:5:added=10
  report h1 30 raise=50        -> reported:40:30:0:added=5:final
  report h1 40 raise=60        -> reported:40:40:0:final
  read                         -> 0:40
  settle h1 35                 -> settled:captured=35:released=5
  read                         -> 5:0:l2=5
`));

test('the policy of a hold decides what its expiry charges', () => scenario(`
  grant  l1 1000                                -> granted:1000
  place  h1 100 for=1m policy=release           -> placed:100:900
  place  h2 100 for=1m policy=charge_estimate   -> placed:100:800
  place  h3 100 for=1m policy=charge_input over=debt input=7 -> placed:100:700
  place  h4 100 for=1m policy=charge_reported   -> placed:100:600
  place  h5 100 for=1m policy=charge_reported over=debt -> placed:100:500
  report h5 40                                  -> reported:100:40:500
  report h1 40                                  -> reported:100:40:500
  extend h2 50                                  -> extended:150:450
  wait 2m
  expire h1 -> expired:released=100
  expire h2 -> expired:captured=150
  expire h3 -> expired:captured=7:released=93
  expire h4 -> expired:released=100
  expire h5 -> expired:captured=40:released=60
  # Late: the difference, once. Only what was charged by report is given back.
  settle h5 45 -> settled:captured=45:released=60:overage=5:late
  settle h5 45 -> settled:captured=45:released=60:overage=5:late:replayed
  settle h3  5 -> hold_resolved:expired:captured=7:released=93
  settle h2 90 -> hold_resolved:expired:captured=150
`));

test('a late settle of less than was charged by report gives the difference back, to the lots it came from', () => scenario(`
  grant  l1 30                                  -> granted:30
  grant  l2 70                                  -> granted:100
  place  h1 50 for=1m policy=charge_reported over=debt -> placed:50:50
  report h1 60                                  -> reported:50:60:50
  wait   2m
  read                                          -> 40:0:l2=40
  settle h1 45 -> settled:captured=45:released=5:late
  read                                          -> 55:0:l2=55
  settle h1 45 -> settled:captured=45:released=5:late:replayed
  settle h1 44 -> hold_resolved:settled:captured=45:released=5:late
  void   h1    -> hold_resolved:settled:captured=45:released=5:late
  # All of a lot that is gone comes back as a new one; what was uncollected and debt is taken back first.
  place  h2 55 for=1m policy=charge_reported over=debt limit=10 -> placed:55:0
  report h2 100                                 -> reported:55:100:0:final
  wait   2m
  expire h2 -> expired:captured=65:overage=10:debt=10:uncollected=35
  settle h2 60 -> settled:captured=60:overage=5:debt=5:late
  read   -> 0:0:debt=5
  grant  l3 5 -> granted:0:debtPaid=5
`));

test('what is given back to a lot that has expired expires at once; to one that is gone it comes back as a new lot', async () => {
  const accountId = await scenario(`
    grant  l1 20 in=3m                            -> granted:20
    grant  l2 20                                  -> granted:40
    place  h1 40 for=1m policy=charge_reported over=cap -> placed:40:0
    report h1 50                                  -> reported:40:50:0:final
    wait   2m
    expire h1 -> expired:captured=40:uncollected=10
    wait   2m
    settle h1 5 -> settled:captured=5:released=20:expired=15:late
  `);
  const state = await under.ledger.readAccount(accountId);
  expect(state).toMatchObject({ available: 20, held: 0, totals: { captured: 5, expired: 15, uncollected: 0, granted: 40 } });
  expect(state.lots).toMatchObject([{ amount: 20, remaining: 20, expiresAtMs: null }]);
});

test('debt that a grant has paid since comes back as credits', () => scenario(`
  grant  l1 10                                  -> granted:10
  place  h1 10 for=1m policy=charge_reported over=debt -> placed:10:0
  report h1 30                                  -> reported:10:30:0:final
  wait   2m
  expire h1    -> expired:captured=30:overage=20:debt=20
  grant  l2 50 -> granted:30:debtPaid=20
  settle h1 5  -> settled:captured=5:released=5:late
  read         -> 55:0
`.replace('read         -> 55:0', 'read         -> 55:0:back-6-1=20,back-6-2=5,l2=30')));

test('terms of a hold decide what pays for usage beyond it, whatever its end asks for', () => scenario(`
  grant  l1 40                 -> granted:40
  place  h1 10 over=cap        -> placed:10:30
  settle h1 15                 -> settled:captured=10:uncollected=5
  place  h2 10 over=available  -> placed:10:20
  settle h2 15                 -> settled:captured=15:overage=5
  place  h3 10 over=available  -> placed:10:5
  settle h3 20                 -> settled:captured=15:overage=5:uncollected=5
  place  h4  0 over=debt limit=3 -> placed:0:0
  settle h4  5                 -> settled:captured=3:overage=3:debt=3:uncollected=2
  place  h5  0                 -> placed:0:0
  settle h5  5                 -> settled:captured=5:overage=5:debt=5
`));

test('the journal gets the first report, every tenth of the hold and one every ten seconds', async () => {
  const accountId = await scenario(`
    grant  l1 1000    -> granted:1000
    place  h1 100     -> placed:100:900
    report h1  1      -> reported:100:1:900
    report h1  2      -> reported:100:2:900
    report h1 10      -> reported:100:10:900
    report h1 11      -> reported:100:11:900
    report h1 12      -> reported:100:12:900
    wait   1m
    report h1 12      -> reported:100:12:900
    report h1 13      -> reported:100:13:900
    settle h1 20      -> settled:captured=20:released=80
  `);
  const entries = await under.journal(accountId);
  expect(entries.map(({ kind, reported }) => [kind, reported])).toEqual([
    ['grant', 0], ['place', 0], ['progress', 1], ['progress', 11], ['progress', 12], ['settle', 13],
  ]);
});
