import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openAccount } from '../../../src/credits/accounts/open-account.js';
import { resolveAccount, type ResolveDeps } from '../../../src/credits/accounts/resolve-account.js';
import { moneyIn } from '../../../src/credits/grants/money-in.js';
import { findAccount, upsertProfiles } from '../../../src/credits/users/profile.table.js';
import { freshen } from '../../../src/journal/freshen.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros } from '../../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

/** Whoever was acknowledged a moment ago is known, though nothing is drained yet. */
let under: DurableLedger;
let deps: ResolveDeps;
const away = (): Promise<never> => Promise.reject(new GatewayError('ledger_unavailable', 'away', { outcome: 'not_executed' }));
beforeAll(async () => {
  under = await durableLedger();
  deps = { lookUp: (text, by) => findAccount(under.db, text, by), freshen: freshen(under.runDrain, under.keys) };
});
afterAll(async () => { await under.close(); });

/** An account that only the journal knows. */
const charge = (accountId: string) =>
  under.ledger.grantLot({ accountId, lotId: 'l', amount: micros(5), expiresAtMs: null, kind: 'grant', key: 'k', about: '{}' });

test('an account of the journal is found, before an equal name of another one', async () => {
  await upsertProfiles(under.db, [{
    accountId: 'other', username: 'fresh:1', email: null, role: null, namesFrom: 'access', seenAtMs: Date.now(),
  }]);
  await charge('fresh:1');
  expect(await resolveAccount(deps, 'fresh:1')).toMatchObject({ accountId: 'fresh:1' });
});

test('is not opened as a provisional account, whose credits a name could claim', async () => {
  await charge('fresh:2');
  const opening = { db: under.db, resolveAccount: (name: string) => resolveAccount(deps, name) };
  const open = (text: string) => openAccount(opening, { text, actor: 'boss' });
  expect(await open('fresh:2')).toMatchObject({ accountId: 'fresh:2' });
  const { rows } = await under.db.raw<{ rows: object[] }>(`select from provisional_accounts where account_id = 'fresh:2'`);
  expect(rows).toEqual([]);
});

test('credits on their way make an account known, before any entry of the ledger', async () => {
  const money = moneyIn({ db: under.db, ledger: { ...under.ledger, grantLot: away } });
  const granted = await money.grant({
    accountId: 'fresh:3', amount: micros(5), expiresAtMs: null, about: '{}', idempotency: null, fingerprint: 'f',
  });
  expect(granted.status).toBe('pending');
  expect(await resolveAccount({ ...deps, freshen: { account: away } }, 'fresh:3')).toMatchObject({ accountId: 'fresh:3' });
});

test('with the journal out of reach: a known id or name is found, an unknown text is not called unknown', async () => {
  const cut = { ...deps, freshen: { account: away } };
  await upsertProfiles(under.db, [{
    accountId: 'known', username: 'named', email: null, role: null, namesFrom: 'access', seenAtMs: Date.now(),
  }]);
  expect(await resolveAccount(cut, 'known')).toMatchObject({ accountId: 'known' });
  expect(await resolveAccount(cut, 'named')).toMatchObject({ accountId: 'known' });
  await expect(resolveAccount(cut, 'nobody')).rejects.toMatchObject({ code: 'ledger_unavailable' });
  expect(await resolveAccount(deps, 'nobody')).toBeNull();
});
