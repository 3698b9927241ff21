import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AMOUNTS } from '../../src/ledger/figures.js';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { expectScenario } from './scenario.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 64 }); });
afterAll(async () => { await under.close(); });

const scenario = (text: string): Promise<string> => expectScenario(under, text);

test('a hold is placed once: repeat before everything else, then balance', () => scenario(`
  place  h0   1        -> insufficient_credits:0
  grant  l1 100        -> granted:100
  place  h1  60        -> placed:60:40
  place  h1  60        -> placed:60:40:replayed
  place  h1  61        -> hold_exists
  place  h2  41        -> insufficient_credits:40
  place  h2  80 min=10 -> placed:40:0
  place  h2  80 min=10 -> placed:40:0:replayed
  place  h3   0        -> placed:0:0
  read                 -> 0:100
`));

test('the id of a hold that has ended is never placed again, whatever the request', () => scenario(`
  grant  l1 100        -> granted:100
  place  h1  60        -> placed:60:40
  settle h1  20        -> settled:captured=20:released=40
  place  h1  60        -> hold_resolved:settled:captured=20:released=40
  place  h1  61        -> hold_resolved:settled:captured=20:released=40
  place  h2  10        -> placed:10:70
  void   h2            -> voided:released=10
  place  h2  10        -> hold_resolved:voided:released=10
  place  h3  10 for=2m -> placed:10:70
  wait   3m
  # Nothing has ended it yet: the hold is not answered as an active one.
  place  h3  10        -> hold_resolved:expired:released=10
  settle h3  90        -> settled:captured=90:released=10:overage=90:debt=10:late
  place  h3  10        -> hold_resolved:settled:captured=90:released=10:overage=90:debt=10:late
  freeze               -> changed
  place  h1  60        -> hold_resolved:settled:captured=20:released=40
  place  h9   1        -> account_frozen
`));

test('an open hold of a frozen account answers its repeat, even after its lease', () => scenario(`
  grant  l1 10         -> granted:10
  place  h1  4 for=2m  -> placed:4:6
  freeze               -> changed
  place  h1  4 for=2m  -> placed:4:6:replayed
  wait   3m
  place  h1  4 for=2m  -> placed:4:6:replayed
  place  h1  5         -> hold_exists
  thaw                 -> changed
  place  h1  4 for=2m  -> hold_resolved:expired:released=4
`));

test('a hold ends once; a second end gets the first outcome, and higher usage charges the difference', () => scenario(`
  grant  l1 100   -> granted:100
  settle h9   1   -> hold_not_found
  void   h9       -> hold_not_found
  expire h9       -> hold_not_found
  place  h1  60   -> placed:60:40
  settle h1  20 price=other -> price_needed:p
  expire h1       -> not_due
  settle h1  20   -> settled:captured=20:released=40
  settle h1  20   -> settled:captured=20:released=40:replayed
  settle h1  19   -> hold_resolved:settled:captured=20:released=40
  void   h1       -> hold_resolved:settled:captured=20:released=40
  expire h1       -> hold_resolved
  settle h1  21   -> settled:captured=21:released=40:overage=1
  settle h1  21   -> settled:captured=21:released=40:overage=1:replayed
  settle h1  20   -> hold_resolved:settled:captured=21:released=40:overage=1
  place  h2  30   -> placed:30:49
  void   h2       -> voided:released=30
  void   h2       -> voided:released=30:replayed
  settle h2   0   -> voided:released=30:replayed
  settle h2  30 price=other -> price_needed:p
  settle h2  30   -> settled:captured=30:released=30:overage=30
  void   h2       -> hold_resolved:settled:captured=30:released=30:overage=30
  place  h3  30   -> placed:30:19
  settle h3   0   -> settled:released=30
  void   h3       -> settled:released=30:replayed
  read            -> 49:0:l1=49
`));

test('a correction beyond the hold follows the policy; a frozen account or a closed window refuses it', () => scenario(`
  grant  l1  10            -> granted:10
  place  h1  10            -> placed:10:0
  settle h1   0            -> settled:released=10
  freeze                   -> changed
  settle h1   0            -> settled:released=10:replayed
  settle h1  12            -> account_frozen
  thaw                     -> changed
  settle h1  12 cap=1      -> settled:captured=10:released=10:overage=10:uncollected=2
  # Twelve were used, although not all of it could be charged.
  settle h1  11            -> hold_resolved:settled:captured=10:released=10:overage=10:uncollected=2
  settle h1  15 limit=2    -> settled:captured=12:released=10:overage=12:debt=2:uncollected=3
  settle h1  15 limit=9    -> settled:captured=12:released=10:overage=12:debt=2:uncollected=3:replayed
  wait 1439m
  settle h1  16            -> settled:captured=13:released=10:overage=13:debt=3:uncollected=3
  # The window is counted from the first end, not from a correction.
  wait    2m
  settle h1  16            -> settled:captured=13:released=10:overage=13:debt=3:uncollected=3:replayed
  settle h1  17            -> hold_resolved:settled:captured=13:released=10:overage=13:debt=3:uncollected=3
`));

test('the window of an expired hold begins with its late settle, which itself has none', () => scenario(`
  grant  l1 100            -> granted:100
  place  h1  10 for=2m     -> placed:10:90
  wait 3000m
  expire h1                -> expired:released=10
  wait 3000m
  settle h1   4            -> settled:captured=4:released=10:overage=4:late
  wait 1439m
  settle h1   5            -> settled:captured=5:released=10:overage=5:late
  wait    2m
  settle h1   6            -> hold_resolved:settled:captured=5:released=10:overage=5:late
`));

test('what a service placed is ended by a service or an operator; a user is refused and changes nothing', () => scenario(`
  grant  l1 100                 -> granted:100
  place  h1  10 by=service      -> placed:10:90
  settle h1   0                 -> forbidden
  settle h1  99 price=other     -> forbidden
  void   h1                     -> forbidden
  read                          -> 90:10:l1=90+10
  settle h1   4 by=service      -> settled:captured=4:released=6
  settle h1   4                 -> forbidden
  settle h1   5                 -> forbidden
  settle h1   5 by=operator     -> settled:captured=5:released=6:overage=1
  place  h2  10                 -> placed:10:85
  void   h2     by=service      -> voided:released=10
  settle h2   3                 -> settled:captured=3:released=10:overage=3
`));

test('settling at, below and above the hold', () => scenario(`
  grant  l1 100   -> granted:100
  place  h1  40   -> placed:40:60
  settle h1  40   -> settled:captured=40
  place  h2  40   -> placed:40:20
  settle h2   0   -> settled:released=40
  place  h3  40   -> placed:40:20
  settle h3  55   -> settled:captured=55:overage=15
  read            -> 5:0:l1=5
  place  h4   5   -> placed:5:0
  settle h4  25   -> settled:captured=25:overage=20:debt=20
  read            -> 0:0:debt=20
  place  h5   1   -> insufficient_credits:0
  grant  l2  15   -> granted:0:debtPaid=15
  grant  l3  15   -> granted:10:debtPaid=5
  read            -> 10:0:l3=10
`));

test('what may not become debt is uncollected', () => scenario(`
  grant  l1  10          -> granted:10
  place  h1  10          -> placed:10:0
  settle h1  15 cap=1    -> settled:captured=10:uncollected=5
  grant  l2  10          -> granted:10
  place  h2  10          -> placed:10:0
  settle h2  30 limit=12 -> settled:captured=22:overage=12:debt=12:uncollected=8
  place  h3   0          -> placed:0:0
  settle h3   4 limit=12 -> settled:uncollected=4
  read                   -> 0:0:debt=12
`));

test('soonest expiry first, then oldest, then lot id; never last', () => scenario(`
  grant  l4 10        -> granted:10
  grant  l3 10 in=9m  -> granted:20
  grant  l2 10 in=3m  -> granted:30
  charge 5            -> charged:25
  read                -> 25:0:l2=5,l3=10,l4=10
  place  h1 17        -> placed:17:8
  read                -> 8:17:l4=8+2
  charge 8            -> charged:0
  read                -> 0:17
`));

test('released credits go back to the lots they came from', () => scenario(`
  grant  l1 10 in=3m  -> granted:10
  grant  l2 10 in=9m  -> granted:20
  place  h1 15        -> placed:15:5
  settle h1  4        -> settled:captured=4:released=11
  read                -> 16:0:l1=6,l2=10
  place  h2 16        -> placed:16:0
  void   h2           -> voided:released=16
  read                -> 16:0:l1=6,l2=10
`));

test('a lot that expires while held stays until release, and released credits expire at once', () => scenario(`
  grant  l1 10 in=3m          -> granted:10
  grant  l2 10 in=9m          -> granted:20
  place  h1 15 for=30m        -> placed:15:5
  wait   4m
  read                        -> 5:15:l2=5+5
  settle h1  4                -> settled:captured=4:released=5:expired=6
  read                        -> 10:0:l2=10
  wait   6m
  read                        -> 0:0
  sweep                       -> expired:10
  sweep                       -> nothing_due
`));

test('credits of an expired lot cannot be spent, swept or not', () => scenario(`
  grant  l1 10 in=3m  -> granted:10
  wait   4m
  charge 1            -> insufficient_credits:0
  place  h1  1        -> insufficient_credits:0
  grant  l2 10        -> granted:10
  read                -> 10:0:l2=10
  sweep               -> nothing_due
`));

test('an expired hold is released, and a late settle is charged once', () => scenario(`
  grant  l1 100       -> granted:100
  place  h1  60 for=2m -> placed:60:40
  wait   3m
  expire h1           -> expired:released=60
  expire h1           -> hold_resolved
  void   h1           -> expired:released=60:replayed
  settle h1   0       -> expired:released=60:replayed
  settle h1  30       -> settled:captured=30:released=60:overage=30:late
  settle h1  30       -> settled:captured=30:released=60:overage=30:late:replayed
  settle h1  29       -> hold_resolved:settled:captured=30:released=60:overage=30:late
  settle h1  31       -> settled:captured=31:released=60:overage=31:late
  read                -> 69:0:l1=69
`));

test('a hold past its lease is never shown as held and blocks no credits', () => scenario(`
  grant  l1 10         -> granted:10
  place  h1 10 for=2m  -> placed:10:0
  wait   3m
  place  h2 10         -> placed:10:0
  settle h1  0         -> expired:released=10:replayed
  void   h2            -> voided:released=10
  place  h3 10 for=2m  -> placed:10:0
  wait   3m
  charge 10            -> charged:0
  grant  l2  5         -> granted:5
  place  h4  5 for=2m  -> placed:5:0
  wait   3m
  read                 -> 5:0:l2=5
`));

test('a keyed charge happens once; its key cannot name another', () => scenario(`
  grant  l1 10         -> granted:10
  charge  4 key=a      -> charged:6
  charge  4 key=a      -> charged:6:replayed
  charge  5 key=a      -> idempotency_mismatch
  charge  7 key=b      -> insufficient_credits:6
  charge  4            -> charged:2
  charge  0            -> charged:2
`));

test('set is absolute: available credits are removed, debt is cleared, holds stay', () => scenario(`
  grant  l1  10            -> granted:10
  place  h1   4            -> placed:4:6
  set    l2 100 key=k      -> set:6:100
  set    l2 100 key=k      -> set:6:100:replayed
  read                     -> 100:4:l2=100
  void   h1                -> voided:released=4
  read                     -> 104:0:l1=4,l2=100
  place  h2 104            -> placed:104:0
  settle h2 110            -> settled:captured=110:overage=6:debt=6
  set    l3   5            -> set:0:5
  read                     -> 5:0:l3=5
  set    l4   0            -> set:5:0
  read                     -> 0:0
`));

test('remove takes what is available, or nothing', () => scenario(`
  grant  l1  10        -> granted:10
  place  h1   4        -> placed:4:6
  remove  7            -> insufficient_credits:6
  remove  6 key=r      -> removed:6:0
  remove  6 key=r      -> removed:6:0:replayed
  read                 -> 0:4
`));

test('a revoked lot is removed, and its held part ends with the hold', () => scenario(`
  grant  l1 10 in=9m  -> granted:10
  grant  l2 10        -> granted:20
  revoke l9           -> lot_not_found
  place  h1  4        -> placed:4:16
  revoke l1 key=k     -> revoked:6:10
  revoke l1 key=k     -> revoked:6:10:replayed
  revoke l1           -> lot_not_found
  read                -> 10:4:l2=10
  settle h1  1        -> settled:captured=1:expired=3
  read                -> 10:0:l2=10
  place  h2 10        -> placed:10:0
  revoke l2           -> revoked:0:0
  void   h2           -> voided:expired=10
  read                -> 0:0
  grant  l3  5 in=2m  -> granted:5
  wait   3m
  revoke l3           -> lot_not_found
`));

test('a frozen account answers repeats and reads, and changes nothing', () => scenario(`
  grant  l1 10         -> granted:10
  grant  l0  1 in=1m   -> granted:11
  place  h1  5 for=2m  -> placed:5:6
  charge 1 key=k       -> charged:5
  freeze               -> changed
  freeze               -> unchanged
  place  h1  5 for=2m  -> placed:5:6:replayed
  charge 1 key=k       -> charged:5:replayed
  place  h2  1         -> account_frozen
  charge 1             -> account_frozen
  grant  l2 1          -> account_frozen
  set    l2 1          -> account_frozen
  remove 1             -> account_frozen
  revoke l1            -> account_frozen
  settle h1  1         -> account_frozen
  void   h1            -> account_frozen
  wait   3m
  sweep                -> nothing_due
  expire h1            -> not_due
  read                 -> 5:5:l1=5+4
  thaw                 -> changed
  thaw                 -> unchanged
  read                 -> 9:0:l1=9
`));

test('a freeze and a thaw are entries that move nothing, and a repeat writes no entry', async () => {
  const accountId = await scenario(`
    freeze          -> changed
    grant  l1 1     -> account_frozen
    freeze          -> unchanged
    thaw            -> changed
    grant  l1 1     -> granted:1
    thaw            -> unchanged
  `);
  const entries = await under.journal(accountId);
  expect(entries.map(({ seq, kind }) => [seq, kind])).toEqual([[1, 'freeze'], [2, 'thaw'], [3, 'grant']]);
  const deltas = AMOUNTS.map((name) => entries[0]?.[name]);
  expect([deltas, entries[0]?.lots, entries[0]?.about]).toEqual([AMOUNTS.map(() => 0), [], '{"actor":"root","reason":"freeze"}']);
});

test('due holds and lots of a frozen account occupy no sweep, and end after the thaw', async () => {
  const accountId = await scenario(`
    grant  l1 10 in=1m  -> granted:10
    place  h1  4 for=1m -> placed:4:6
    freeze              -> changed
    wait   2m
    expire h1           -> not_due
    sweep               -> nothing_due
  `);
  const { holdsDue, lotsDue } = under.keys.account(accountId, 1);
  expect(await under.redis.zscore(holdsDue, `${accountId}:h1`)).toBeNull();
  expect(await under.redis.zscore(lotsDue, accountId)).toBeNull();
  await under.ledger.thaw({ accountId, about: '{}' });
  expect((await under.ledger.expireHold(accountId, 'h1')).status).toBe('expired');
  expect(await under.ledger.readBalance(accountId)).toEqual({ available: 0, held: 0, debt: 0 });
});

test('balances of a hundred million credits and more stay exact to the micro', () => scenario(`
  grant  l1 999999999999999  -> granted:999999999999999
  place  h1 100000000000001  -> placed:100000000000001:899999999999998
  settle h1 100000000000000  -> settled:captured=100000000000000:released=1
  charge 1                   -> charged:899999999999998
  place  h2 899999999999998  -> placed:899999999999998:0
  settle h2 899999999999998  -> settled:captured=899999999999998
  read                       -> 0:0
`));

test('an account has at most 512 live lots, and its grants never pass what a double holds', async () => {
  const grants = Array.from({ length: 512 }, (_, i) => `grant l${String(i).padStart(3, '0')} 1 -> granted:${i + 1}`);
  await scenario([...grants, 'grant l999 1 -> too_many_lots', 'charge 1 -> charged:511', 'grant l999 1 -> granted:512'].join('\n'));
  const large = Array.from({ length: 9 }, (_, i) => `grant l${i} 999999999999999 -> granted:${(i + 1) * 999_999_999_999_999}`);
  await scenario([
    ...large, 'grant l9 999999999999999 -> balance_limit',
    'read -> 8999999999999991:0:' + large.map((_, i) => `l${i}=999999999999999`).join(','),
  ].join('\n'));
});

test('a script writes nothing under another fence', async () => {
  const accountId = await scenario('grant l1 10 -> granted:10');
  const { fence } = under.keys.account(accountId, 1);
  const before = await under.journal(accountId);
  const held = (await under.redis.get(fence)) ?? '';
  await under.redis.set(fence, '2@somebody-else');
  await expect(under.ledger.charge({ accountId, amount: 1 as never, key: null, fingerprint: '', price: '', about: '' }))
    .rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
  await under.redis.set(fence, held);
  expect(await under.journal(accountId)).toEqual(before);
});
