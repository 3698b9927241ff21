import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openAccount } from '../../../src/credits/accounts/open-account.js';
import { resolveAccount, type ResolveDeps } from '../../../src/credits/accounts/resolve-account.js';
import { claimableNames, provisionalName } from '../../../src/credits/users/names.js';
import { findAccount, upsertProfiles, type ProfileRow } from '../../../src/credits/users/profile.table.js';
import { readAcquaintance, setClaimed, setOwned } from '../../../src/credits/users/provisional.table.js';
import { registerUser } from '../../../src/credits/users/register-user.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { asAdmin, freshDatabase, type FreshDatabase } from '../../support/servers.js';

/** Who a text means (docs/contracts/accounting-service.md#target-users), on a real Postgres. */
let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  db = connectPostgres(database.databaseUrl, apiProfile(5_000));
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});
beforeEach(async () => { await asAdmin(database.databaseUrl, 'truncate profiles, provisional_accounts, claimed_lots'); });

const profile = (over: Partial<ProfileRow> & Pick<ProfileRow, 'accountId'>): ProfileRow =>
  ({ username: null, email: null, role: null, namesFrom: 'access', seenAtMs: Date.now(), ...over });
const find = async (text: string, by: 'any' | 'email' = 'any'): Promise<unknown> => {
  const found = await findAccount(db, text, by);
  return found === null || found === 'ambiguous' ? found : found.accountId;
};
const deps: ResolveDeps = { lookUp: (text, by) => findAccount(db, text, by), freshen: { account: () => Promise.resolve() } };
const open = async (text: string): Promise<unknown> => {
  const found = await openAccount({ db, resolveAccount: (name) => resolveAccount(deps, name) }, { text, actor: 'boss' });
  return found === null || found === 'ambiguous' ? found : found.accountId;
};

describe('names', () => {
  test('an id comes first, then a username, then an e-mail in any case', async () => {
    await upsertProfiles(db, [
      profile({ accountId: 'p1', username: 'ann', email: 'Ann@Example.org' }),
      profile({ accountId: 'p2', username: 'bob', email: 'twin@example.org' }),
      profile({ accountId: 'p3', username: 'p1', email: 'twin@example.org' }),
      profile({ accountId: 'p1', username: 'ann2', email: 'Ann@Example.org', role: 'user' }),
    ]);
    await upsertProfiles(db, [profile({ accountId: 'p1' })]);
    expect(await findAccount(db, 'p1', 'any')).toEqual({ accountId: 'p1', username: 'ann2' });
    expect(await find('ann2')).toBe('p1');
    expect(await find('ANN@example.ORG')).toBe('p1');
    expect(await find('Twin@example.org')).toBe('ambiguous');
    expect(await find('ann')).toBeNull();
    expect(await find('Ann2')).toBeNull();
    expect([await find('p1', 'email'), await find('ann2', 'email'), await find('ann@example.org', 'email')]).toEqual(['p3', 'p1', 'p1']);
  });

  test('a text that only looks like the e-mail finds no account: a username, or a letter that becomes ASCII in lower case', async () => {
    await upsertProfiles(db, [
      profile({ accountId: 'mallory', username: 'kevin@example.com' }),
      profile({ accountId: 'eve', email: '\u212Aevin@example.com' }),
      // As many bytes in lower case: one letter loses two, two gain one each.
      profile({ accountId: 'mallet', email: '\u212A\u023A\u023A@example.com' }),
    ]);
    expect(await find('k\u2C65\u2C65@example.com')).toBeNull();
    expect(await find('kevin@example.com')).toBeNull();
    expect(await find('\u212Aevin@example.com')).toBe('eve');
  });

  test('ChatsParty\'s word counts only where there is no other, and makes nothing ambiguous', async () => {
    await upsertProfiles(db, [profile({ accountId: 'cuid', email: 'ann@example.com', namesFrom: 'chatsparty' })]);
    expect(await find('ann@example.com')).toBe('cuid');
    await upsertProfiles(db, [profile({ accountId: 'p1', email: 'ann@example.com' })]);
    expect(await find('ann@example.com')).toBe('p1');
  });
});

describe('whose word a name is', () => {
  const names = async (): Promise<unknown> => (await db.raw<{ rows: unknown[] }>(
    'select username, email, names_from from profiles order by account_id',
  )).rows;

  test('a token without names keeps those of an issuer of the same trust, and no others', async () => {
    const stated = { username: 'ann', email: 'ann@example.com' };
    await upsertProfiles(db, [
      profile({ accountId: 'p1', ...stated }), profile({ accountId: 'p2', ...stated, namesFrom: 'admin' }),
      profile({ accountId: 'p3', ...stated, namesFrom: 'chatsparty' }), profile({ accountId: 'p4', ...stated, namesFrom: 'jwks-open' }),
      profile({ accountId: 'p5', ...stated, namesFrom: 'jwks' }),
    ]);
    await upsertProfiles(db, ['p1', 'p2', 'p3', 'p4'].map((accountId) => profile({ accountId, namesFrom: 'jwks' })));
    await upsertProfiles(db, [profile({ accountId: 'p5', username: 'eve', namesFrom: 'jwks-open' })]);
    expect(await names()).toEqual([
      { ...stated, names_from: 'jwks' }, { ...stated, names_from: 'jwks' },
      { username: null, email: null, names_from: 'jwks' }, { username: null, email: null, names_from: 'jwks' },
      { ...stated, names_from: 'jwks' },
    ]);
  });

  test('a key server that may sign for others claims no name and makes none ambiguous', async () => {
    await open('ann');
    await upsertProfiles(db, [
      profile({ accountId: 'p1', username: 'ann' }), profile({ accountId: 'p2', username: 'ann', namesFrom: 'jwks-open' }),
    ]);
    expect(await find('ann')).toBe('p1');
    expect(claimableNames({ username: 'ann', email: 'ann@example.com', namesFrom: 'jwks-open' })).toEqual([]);
    expect(await setClaimed(db, 'ann', 'p1')).toBe(true);
  });

  test('claimable are usernames that are no e-mail and no id, and e-mails in the case that keeps their bytes', () => {
    const claims = (username: string | null, email: string | null): string[] => claimableNames({ username, email, namesFrom: 'access' });
    expect(claims('ann', 'Ann@Example.COM')).toEqual(['ann', 'ann@example.com']);
    expect(claims('ann@example.com', 'ann')).toEqual([]);
    for (const id of ['507F1F77bcf86cd799439011', 'cm4k2x9zq0000356o7v1d8abc', '0190c4f2-7a3e-7c11-9d2a-5b6e8f001122']) {
      expect(claims(id, null)).toEqual([]);
    }
    expect(claims(null, '\u212Aevin@example.com')).not.toContain('kevin@example.com');
    expect(provisionalName('\u212AEVIN@Example.com')).toBe('\u212Aevin@example.com');
  });
});

describe('names without an owner', () => {
  test('are opened once, by any number at a time, and found again', async () => {
    expect(await Promise.all(Array.from({ length: 10 }, () => open('new-user')))).toEqual(Array.from({ length: 10 }, () => 'new-user'));
    expect(await find('new-user')).toBe('new-user');
    expect(await open('Ann@Example.com')).toBe('Ann@Example.com');
    expect(await open('ann@example.COM')).toBe('Ann@Example.com');
    expect([await open('a b'), await open("O'Brien@Example.com"), await open("o'brien@example.com")])
      .toEqual(['a b', "O'Brien@Example.com", "O'Brien@Example.com"]);
    expect(await open('M\u00dcLLER@example.com')).toBe('M\u00dcLLER@example.com');
    expect(await open('m\u00fcller@example.com')).toBe('M\u00dcLLER@example.com');
    // The Kelvin sign is no k.
    const [kelvin, kevin] = ['\u212Aevin@example.com', 'kevin@example.com'];
    expect([await open(kelvin), await open(kevin)]).toEqual([kelvin, kevin]);
    expect([await open('x'.repeat(256)), await open('a\u0000b')]).toEqual([null, null]);
  });

  test('lead to the claimant after the claim, and to the owner when it is an id after all', async () => {
    await open('ann');
    await upsertProfiles(db, [profile({ accountId: 'p1', username: 'ann' })]);
    expect(await find('ann')).toBe('p1');
    expect(await setClaimed(db, 'ann', 'p1')).toBe(true);
    expect(await setClaimed(db, 'ann', 'p2')).toBe(false);
    await upsertProfiles(db, [profile({ accountId: 'p1', username: 'renamed' })]);
    expect(await find('ann')).toBe('p1');
    // The name now belongs to another account, so the answer is ambiguous.
    await upsertProfiles(db, [profile({ accountId: 'p2', username: 'ann' })]);
    expect(await find('ann')).toBe('ambiguous');
    await setOwned(db, 'ann');
    expect(await find('ann')).toBe('ann');
  });

  test('cannot be claimed when two accounts have them, or when they are the id of an account', async () => {
    for (const name of ['two', 'id']) await open(name);
    await upsertProfiles(db, [
      profile({ accountId: 'p1', username: 'two' }), profile({ accountId: 'p2', username: 'two' }), profile({ accountId: 'id' }),
    ]);
    expect([await setClaimed(db, 'two', 'p1'), await setClaimed(db, 'two', 'p2'), await setClaimed(db, 'id', 'p1')]).toEqual([
      false, false, false,
    ]);
    expect(await find('two')).toBe('ambiguous');
  });

  test('what a caller\'s first request is told', async () => {
    for (const name of ['me', 'mine', 'a@example.com', 'other', 'taken']) await open(name);
    await setClaimed(db, 'taken', 'p9');
    expect(await readAcquaintance(db, 'me', ['mine', 'a@example.com', 'taken'])).toEqual({
      isKnown: false, namesFrom: null, provisional: ['a@example.com', 'me', 'mine'],
    });
    await upsertProfiles(db, [profile({ accountId: 'me' })]);
    await setOwned(db, 'me');
    expect(await readAcquaintance(db, 'me', [])).toEqual({ isKnown: true, namesFrom: 'access', provisional: [] });
  });
});

test('registering: once per id, once per e-mail, also when all come at once', async () => {
  const user = { accountId: 'a'.repeat(24), username: 'ann', email: 'ann@example.com', role: 'user' };
  const same = await Promise.allSettled(Array.from({ length: 8 }, () => registerUser(db, user)));
  expect(same.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const others = await Promise.allSettled([
    'b', 'c', 'd',
  ].map((letter) => registerUser(db, { ...user, accountId: letter.repeat(24), email: 'Bob@example.com' })));
  expect(others.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await find('bob@example.com')).toMatch(/^(b|c|d)+$/);
});
