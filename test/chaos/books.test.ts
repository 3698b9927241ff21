import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectPostgres, drainProfile, type Db } from '../../src/stores/postgres/connect.js';
import type { ToldCharge, ToldSession } from '../support/told.js';
import { chaosLab, type ChaosLab } from './lab.js';

/** An audit that never finds anything proves nothing: each case breaks one thing, which its check must find. */
const TIMEOUT_MS = 300_000;
const alice = 'user-1';
const MODEL = 'gpt-4';

let lab: ChaosLab;
let admin: Db;
let ended: ToldSession;
let open: ToldSession;

beforeAll(async () => {
  lab = await chaosLab(2);
  admin = connectPostgres(lab.postgres.adminUrl, drainProfile(20_000));
  const { proxy } = lab;
  for (const accountId of lab.accounts) await proxy.grant(accountId, 100, 30);
  const sessions = [await proxy.open(alice, MODEL, 1_000), await proxy.open(alice, MODEL, 1_000)];
  const [first, second] = sessions;
  if (first === undefined || first === null || second === undefined || second === null) throw new Error('alice has no credits');
  [ended, open] = [first, second];
  await proxy.end(ended, 'completed', 700);
  await proxy.charge(alice, 1.5, true);
}, TIMEOUT_MS);
afterAll(async () => {
  await admin.destroy();
  await lab.close();
}, TIMEOUT_MS);

/** Runs SQL with the journal's protective triggers disabled. */
const forced = (sql: string) => async (): Promise<void> => {
  await admin.transaction(async (trx) => {
    await trx.raw('set local session_replication_role = replica');
    await trx.raw(sql);
  });
};
const aliceInRedis = () => lab.books.keys.account(alice, 1);
const chargeOf = (index: number): ToldCharge => {
  const found = lab.proxy.told.charges[index];
  if (found === undefined) throw new Error('no charge');
  return found;
};
const endBy = (micros: number) => (): void => {
  if (ended.end !== null) ended.end = { ...ended.end, charged: (ended.end.charged + micros) as never };
};

type Tampering = readonly [what: string, check: string, tamper: () => unknown, undo: () => unknown];

const TAMPERINGS: readonly Tampering[] = [
  ['Redis has a micro more', 'Redis and Postgres agree on every balance, at the same seq',
    () => lab.books.redis.hincrby(aliceInRedis().account, 'available', 1),
    () => lab.books.redis.hincrby(aliceInRedis().account, 'available', -1)],
  ['Redis forgot an open hold', 'Redis and Postgres agree on every open hold',
    () => lab.books.redis.zrem(aliceInRedis().open, open.sessionId),
    () => lab.books.redis.zadd(aliceInRedis().open, Date.now() + 500_000, open.sessionId)],
  ['the sweeper forgot an open hold', 'the sweeper knows every open hold',
    () => lab.books.redis.zrem(aliceInRedis().holdsDue, `${alice}:${open.sessionId}`),
    () => lab.books.redis.zadd(aliceInRedis().holdsDue, Date.now() + 500_000, `${alice}:${open.sessionId}`)],
  ['a lot has a micro less', 'lots add up to their account',
    forced('update lots set remaining = remaining - 1'), forced('update lots set remaining = remaining + 1')],
  ['an entry states another balance', 'every stated balance is the running sum',
    forced('update entries set available_after = available_after + 1 where seq = 2'),
    forced('update entries set available_after = available_after - 1 where seq = 2')],
  ['an entry has moved', 'I7: entries are numbered 1, 2, 3 … without a gap',
    forced(`update entries set seq = 99 where seq = 4 and account_id = '${alice}'`), forced(`update entries set seq = 4 where seq = 99`)],
  ['a model cost a micro more', 'hours of models add up to the entries that name one',
    forced('update model_hours set captured = captured + 1'), forced('update model_hours set captured = captured - 1')],
  ['a hold ended twice', 'I3: every hold was placed once and ended once at most',
    forced(`update entries set kind = 'void' where kind = 'place' and seq = 3`),
    forced(`update entries set kind = 'place' where kind = 'void'`)],
  ['a lease is over', 'no open hold is past its lease',
    forced(`update holds set expires_at = expires_at - interval '1 day'`),
    forced(`update holds set expires_at = expires_at + interval '1 day'`)],
  [
    'a session cost more than its caller was told', 'every acknowledged session is there once, and ended as its caller was told',
    endBy(-1), endBy(1),
  ],
  ['a charge is there under another id', 'every acknowledged charge is there once, under the id its caller was told',
    () => lab.proxy.told.charges.splice(0, 1, { ...chargeOf(0), seq: 77 }),
    () => lab.proxy.told.charges.splice(0, 1, { ...chargeOf(0), seq: 5 })],
  ['what was refused has happened', 'what was refused is not there',
    () => lab.proxy.told.refusedSessions.push(open), () => lab.proxy.told.refusedSessions.pop()],
  ['an acknowledged allocation is missing', "every caller's own tally of granted and captured is the ledger's",
    () => lab.proxy.told.grants.push({ accountId: alice, intentId: 999, amount: open.held }), () => lab.proxy.told.grants.pop()],
];

test('the audit finds each fault, and none in correct books', async () => {
  expect(chargeOf(0).seq).toBe(5);
  for (const [what, check, tamper, undo] of TAMPERINGS) {
    expect({ before: what, wrong: await lab.wrongs() }).toEqual({ before: what, wrong: [] });
    await tamper();
    const wrong = (await lab.books.audit(lab.proxy.told)).filter(({ wrongCount }) => wrongCount > 0).map((finding) => finding.check);
    await undo();
    expect({ what, wrong }).toEqual({ what, wrong: expect.arrayContaining([check]) });
  }
  expect(await lab.wrongs()).toEqual([]);
}, TIMEOUT_MS);
