import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../src/config.js';
import { grantReferral } from '../../../src/credits/plans/referral-bonus.js';
import { welcomeNewcomers } from '../../../src/credits/plans/welcome-newcomers.js';
import { upsertProfiles } from '../../../src/credits/users/profile.table.js';
import { ZERO } from '../../../src/kit/money/micros.js';
import { credits, planLab, type PlanLab } from './lab.js';

let lab: PlanLab;
beforeAll(async () => { lab = await planLab(); });
afterAll(async () => { await lab.close(); });

const seen = (accountId: string, namesFrom: 'access' | 'admin' = 'access'): Promise<void> =>
  upsertProfiles(lab.db, [{ accountId, username: null, email: null, role: 'user', namesFrom, seenAtMs: lab.clock() }]);
const WELCOME = ['BONUS', 'WELCOME_BONUS', 10];

describe('welcome', () => {
  const welcome = (amount = credits(10)) => welcomeNewcomers({ db: lab.db, moneyIn: lab.moneyIn, amount });

  test('once ever, however many workers there are and however often the token is seen', async () => {
    const accounts = Array.from({ length: 20 }, () => lab.account());
    await Promise.all(accounts.map((accountId) => seen(accountId)));
    await Promise.all(Array.from({ length: 6 }, () => welcome()));
    await Promise.all(accounts.map((accountId) => seen(accountId)));
    await welcome(credits(99));
    for (const accountId of accounts) expect(await lab.statement(accountId)).toEqual([WELCOME]);
  });

  test('also when a worker died after granting and before noting it, and the amount was changed meanwhile', async () => {
    const accountId = lab.account();
    await seen(accountId);
    await welcome();
    await lab.db.raw('update profiles set welcome = null where account_id = ?', [accountId]);
    await welcome(credits(99));
    expect(await lab.statement(accountId)).toEqual([WELCOME]);
  });

  test('an account that came while there was no bonus gets none later', async () => {
    const accountId = lab.account();
    await seen(accountId);
    await welcome(ZERO);
    await welcome();
    expect(await lab.statement(accountId)).toEqual([]);
  });

  test('a registered user gets the welcome credits after the first token', async () => {
    const accountId = lab.account();
    await seen(accountId, 'admin');
    await welcome();
    expect(await lab.statement(accountId)).toEqual([]);
    await seen(accountId);
    await welcome();
    expect(await lab.statement(accountId)).toEqual([WELCOME]);
  });
});

test('WELCOME_CREDITS is an amount of credits', () => {
  expect(readConfig({}).welcomeCredits).toBe(0);
  expect(readConfig({ WELCOME_CREDITS: '12.5' }).welcomeCredits).toBe(12_500_000);
  for (const bad of ['-1', 'many', '1e9', '0.1234567']) expect(() => readConfig({ WELCOME_CREDITS: bad })).toThrow('WELCOME_CREDITS');
});

describe('referral', () => {
  const refer = (referrer: string, referee: string, amount = 5) =>
    grantReferral({ moneyIn: lab.moneyIn }, {
      referrer, referee, referrerAmount: credits(amount), refereeAmount: credits(2), actor: 'root',
    });

  test('rewards both, once', async () => {
    const [referrer, referee] = [lab.account(), lab.account()];
    const answers = await Promise.all(Array.from({ length: 8 }, () => refer(referrer, referee)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['granted']));
    expect(await refer(referrer, referee)).toEqual({ status: 'granted', replayed: true });
    expect([await lab.statement(referrer), await lab.statement(referee)]).toEqual([
      [['BONUS', 'REFERRAL_BONUS', 5]], [['BONUS', 'REFERRAL_BONUS', 2]],
    ]);
  });

  test('a user may refer many, but is referred once and never by themselves', async () => {
    const [referrer, first, second] = [lab.account(), lab.account(), lab.account()];
    await refer(referrer, first);
    await refer(referrer, second);
    expect(await lab.available(referrer)).toBe(10);
    await expect(refer(lab.account(), first)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    await expect(refer(referrer, first, 50)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
    await expect(refer(referrer, referrer)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
