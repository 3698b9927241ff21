import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { allows, readRule, ruleText, type LotRule } from '../../src/ledger/lot-rule.js';
import { testLedger, type TestLedger } from '../support/ledger.js';
import { redisMonitor } from '../support/redis-monitor.js';
import { redisOperatorUrl } from '../support/servers.js';
import { expectScenario } from './scenario.js';

/** Lots with a priority and a restriction (lua/includes/lots.lua). */
let under: TestLedger;
beforeAll(async () => { under = await testLedger(); });
afterAll(async () => { await under.close(); });

const scenario = (text: string): Promise<string> => expectScenario(under, text);
const ruledOf = (accountId: string): Promise<string | null> => under.redis.hget(under.keys.account(accountId, 1).account, 'ruled');

test('a lower priority is used first, then the soonest expiry; a lot without a rule has the priority 50', () => scenario(`
  grant  l1 10 in=5m            -> granted:10
  grant  l2 10                  -> granted:20
  grant  l3 10 rule=49;;        -> granted:30
  grant  l4 10 in=1m rule=51;;  -> granted:40
  read                          -> 40:0:l3=10,l1=10,l2=10,l4=10
  charge 5                      -> charged:35
  place  h1 27                  -> placed:27:8
  read                          -> 8:27:l4=8+2
  settle h1 6                   -> settled:captured=6:released=21
  read                          -> 29:0:l1=9,l2=10,l4=10
  # An operator removes in the same order.
  remove 10                     -> removed:29:19
  read                          -> 19:0:l2=9,l4=10
`));

test('a hold takes from lots for its model and feature, and from those for anything', () => scenario(`
  grant  l1 10 rule=50;a&b;     -> granted:10
  grant  l2 10 rule=50;;f       -> granted:20
  grant  l3 10 rule=50;b;f      -> granted:30
  grant  l4 10                  -> granted:40
  place  h1 11                  -> insufficient_credits:10
  place  h1 21 on=a             -> insufficient_credits:20
  place  h1 21 on=;f            -> insufficient_credits:20
  place  h1 31 on=a;f           -> insufficient_credits:30
  place  h1 41 on=b;f           -> insufficient_credits:40
  # A name must be the same, not only contain it.
  place  h1 11 on=ab            -> insufficient_credits:10
  charge 21 on=a                -> insufficient_credits:20
  # As much as is there for it.
  place  h1 99 min=1 on=a       -> placed:20:20
  read                          -> 20:20:l2=10,l3=10
  place  h2 1                   -> insufficient_credits:0
  void   h1                     -> voided:released=20
  charge 12 on=a                -> charged:28
  read                          -> 28:0:l2=10,l3=10,l4=8
  # An operator removes from any.
  remove 28                     -> removed:28:0
`));

test('an extension, a report and a settle beyond a hold use what the hold is for', () => scenario(`
  grant  l1 30 rule=50;a;       -> granted:30
  grant  l2 10                  -> granted:40
  place  h1 10 on=a over=debt for=9m -> placed:10:30
  place  h2 10 on=c over=debt for=9m -> placed:10:20
  extend h2 1                   -> insufficient_credits:0
  report h2 1 raise=20          -> reported:10:1:20:final
  extend h1 5                   -> extended:15:15
  report h1 1 raise=20          -> reported:20:1:10:added=5
  # What is left is for another model: it becomes debt.
  settle h2 13                  -> settled:captured=13:overage=3:debt=3
  read                          -> 10:20:debt=3:l1=10+20
  # An account with debt may use what is for this model.
  settle h1 27                  -> settled:captured=27:overage=7
  read                          -> 3:0:debt=3:l1=3
  # What arrives pays debt first, whatever it is for.
  grant  l3 5 rule=50;z;        -> granted:5:debtPaid=3
`));

test('a lot has its rule for as long as it is there, and again when it comes back', async () => {
  const accountId = await scenario(`
    grant  l1 10 in=4m rule=10;a; -> granted:10
    grant  l2 10                  -> granted:20
    charge 10 on=a                -> charged:10
    read                          -> 10:0:l2=10
  `);
  expect(await ruledOf(accountId)).toBe('0');
  expect((await under.ledger.readAccount(accountId)).lots.map(({ rule }) => rule)).toEqual(['']);
  const [first] = await under.journal(accountId);
  expect(first?.lots[0]?.opened?.rule).toBe('10;a;');
  const refund = (lotId: string, graceMs: number | null) => under.ledger.refund({
    accountId, lotId, amount: micros(4), graceMs, debtGraceMs: 1, holdId: '', key: `intent:${randomUUID()}`, about: '{}',
    parts: [{ lotId: 'l1', amount: micros(4), lotAmount: micros(10), expiresAtMs: first?.lots[0]?.opened?.expiresAtMs ?? null,
      grantedAtMs: first?.atMs ?? 0, rule: '10;a;' }],
  });
  await refund('r1', null);
  expect((await under.ledger.readAccount(accountId)).lots.map(({ lotId, rule }) => [lotId, rule])).toEqual([['l1', '10;a;'], ['l2', '']]);
  expect(await ruledOf(accountId)).toBe('1');
  // The lot has ended: what comes back lives in another one, for the same.
  under.advance(300_000);
  await refund('r2', 60_000);
  expect((await under.ledger.readAccount(accountId)).lots.map(({ lotId, rule }) => [lotId, rule])).toEqual([['r2', '10;a;'], ['l2', '']]);
  expect(await ruledOf(accountId)).toBe('1');
});

test('what an expiry charged by report comes back with its rule; a transfer brings it', async () => {
  const accountId = await scenario(`
    grant   l1 10 rule=50;a;        -> granted:10
    place   h1 10 on=a over=debt policy=charge_reported for=1m -> placed:10:0
    report  h1 10                   -> reported:10:10:0:final
    wait    2m
    expire  h1                      -> expired:captured=10
    settle  h1 4                    -> settled:captured=4:released=6:late
    receive b:5::50;;f c:5          -> received:16
    place   h2 6                    -> insufficient_credits:5
    place   h2 16 on=a;f            -> placed:16:0
  `);
  expect(await ruledOf(accountId)).toBe('2');
});

/** The commands that scripts run on keys of this test while `work` does. */
async function commandsOf(work: () => Promise<unknown>): Promise<string[]> {
  const namespace = `${under.keys.account('x', 1).fence.split(':')[0] ?? ''}:`;
  const seen: string[] = [];
  const monitor = await redisMonitor(redisOperatorUrl(), (line) => {
    const [, name = '', key = ''] = /^\S+ \[\d+ lua\] "(\w+)" "([^"]*)/.exec(line) ?? [];
    if (key.startsWith(namespace)) seen.push(name.toUpperCase());
  });
  try {
    await work();
    await monitor.toldOfAll();
  } finally {
    monitor.close();
  }
  return seen;
}

test('a hold of an account without rules runs no command more', async () => {
  const place = async (...rules: string[]): Promise<string[]> => {
    const accountId = `c-${randomUUID()}`;
    for (const [index, rule] of rules.entries()) {
      await under.ledger.grantLot({
        accountId, lotId: `l${index}`, amount: micros(50), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
        rule,
      });
    }
    return commandsOf(() => under.ledger.placeHold({
      accountId, holdId: 'h1', minimum: micros(10), desired: micros(10), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release',
      price: 'p', fingerprint: 'f', about: '{}', isNewId: true, spending: { model: 'a', feature: 'f' },
    }));
  };
  const plain = ['GET', 'HMGET', 'EXISTS', 'ZCARD', 'ZRANGEBYSCORE', 'HGET', 'XADD', 'HSET', 'HSET', 'HSET', 'ZADD', 'ZADD'];
  expect(await place('', '')).toEqual(plain);
  // All live lots are read at once, however many there are.
  expect(await place('', '10;;', '10;;')).toEqual(
    ['GET', 'HMGET', 'EXISTS', 'ZRANGEBYSCORE', 'HMGET', 'ZCARD', 'XADD', 'HSET', 'HSET', 'HSET', 'ZADD', 'ZADD']);
});

test('the text of a rule, and whether it allows an operation', () => {
  const rules: [LotRule, string][] = [
    [{ priority: 50, models: [], features: [] }, ''],
    [{ priority: 0, models: [], features: [] }, '0;;'],
    [{ priority: 50, models: ['a:b,c;d&e', 'é%'], features: ['x y'] }, '50;a%3Ab%2Cc%3Bd%26e&%C3%A9%25;x%20y'],
  ];
  for (const [rule, text] of rules) {
    expect(ruleText(rule)).toBe(text);
    expect(readRule(text)).toEqual(rule);
  }
  for (const text of ['50', 'x;;', '50;a', '50;a;b;c']) expect(() => readRule(text)).toThrow(RangeError);
  const both = { priority: 50, models: ['a'], features: ['f'] };
  expect([{ model: 'a' }, { feature: 'f' }, {}, { model: 'a', feature: 'f' }].map((use) => allows(both, use)))
    .toEqual([false, false, false, true]);
});
