import { describe, expect, test } from '@jest/globals';
import { admitCaller, type Admission } from '../../../src/credits/users/admit-caller.js';
import type { NamesFrom } from '../../../src/credits/users/names.js';
import type { SeenProfile } from '../../../src/credits/users/profile-writer.js';
import type { Acquaintance } from '../../../src/credits/users/provisional.table.js';
import type { IssuerName } from '../../../src/kit/principal.js';
import type { Db } from '../../../src/stores/postgres/connect.js';

/** Whether an issuer may speak for an account (docs/contracts/README.md#issuers-and-accounts). What Postgres knows is given. */
type Postgres = 'down' | { readonly known?: NamesFrom; readonly waits?: boolean };

function setUp(isJwksBound = false): {
  readonly admit: (issuer: IssuerName, accountId: string, postgres: Postgres) => Promise<Admission>;
  queued: SeenProfile[];
} {
  let answer: Acquaintance | null = null;
  let nowMs = 0;
  const queued: SeenProfile[] = [];
  const raw = (): Promise<unknown> => (answer === null ? Promise.reject(new Error('down')) : Promise.resolve({ rows: [answer] }));
  const notUsed = (): never => { throw new Error('not used'); };
  const admit = admitCaller({
    db: { raw } as unknown as Db, ledger: { readAccount: notUsed, readFunds: notUsed }, moneyIn: { grant: notUsed, revoke: notUsed },
    profiles: { seen: (profile) => { queued.push(profile); } }, clock: () => nowMs, steadyClock: () => nowMs,
    onError: () => undefined, isJwksBound,
  });
  return {
    queued,
    admit: (issuer, accountId, postgres) => {
      nowMs += 10_000; // after the pause that follows a failure
      answer = postgres === 'down' ? null : {
        namesFrom: postgres.known ?? null, isKnown: postgres.known !== undefined, provisional: postgres.waits === true ? [accountId] : [],
      };
      return admit({ accountId, issuer, username: null, email: null, role: 'user' });
    },
  };
}

const CUID = 'cm4k2x9zq0000356o7v1d8abc';
const UUID = '0190c4f2-7a3e-7c11-9d2a-5b6e8f001122';
const OBJECT_ID = '507f1f77bcf86cd799439011';

describe('an issuer and the account of its subject', () => {
  test.each<[issuer: IssuerName, subject: string, postgres: Postgres, admission: Admission]>([
    // The auth service makes ids and names: what is under them is its users'.
    ['access', 'alice', {}, 'admitted'],
    ['access', 'alice', { waits: true }, 'admitted'],
    ['access', 'alice@example.com', { waits: true }, 'admitted'],
    ['access', CUID, { known: 'chatsparty' }, 'admitted'],
    ['access', 'alice', 'down', 'admitted'],
    // ChatsParty makes cuids.
    ['chatsparty', CUID, {}, 'admitted'],
    ['chatsparty', CUID, { waits: true }, 'admitted'],
    ['chatsparty', CUID, { known: 'chatsparty' }, 'admitted'],
    ['chatsparty', CUID, { known: 'access' }, 'admitted'],
    ['chatsparty', CUID, 'down', 'admitted'],
    // Any other text only where nothing waits for its owner. An account in use may be shared.
    ['chatsparty', 'alice', { known: 'access' }, 'admitted'],
    ['chatsparty', 'alice', {}, 'admitted'],
    ['chatsparty', 'alice', { known: 'chatsparty' }, 'admitted'],
    ['chatsparty', 'alice', { waits: true }, 'refused'],
    ['chatsparty', OBJECT_ID, { known: 'admin' }, 'refused'],
    ['chatsparty', 'alice', { known: 'chatsparty', waits: true }, 'refused'],
    ['chatsparty', OBJECT_ID, { waits: true }, 'refused'],
    ['chatsparty', 'alice', 'down', 'unknown'],
    ['chatsparty', 'alice@example.com', {}, 'refused'],
    ['chatsparty', 'alice@example.com', 'down', 'refused'],
    // A key server that may sign for others: the users of the auth service, but nothing that waits under a name.
    ['jwks', OBJECT_ID, { known: 'access' }, 'admitted'],
    ['jwks', UUID, { waits: true }, 'admitted'],
    ['jwks', 'auth0|5f7c', {}, 'admitted'],
    ['jwks', 'alice', { waits: true }, 'refused'],
    ['jwks', 'alice@example.com', {}, 'refused'],
    ['jwks', 'auth0|5f7c', 'down', 'unknown'],
    ['jwks', UUID, 'down', 'admitted'],
  ])('%s %s with %j: %s', async (issuer, subject, postgres, admission) => {
    const { admit } = setUp();
    expect(await admit(issuer, subject, postgres)).toBe(admission);
  });

  test.each<[subject: string, postgres: Postgres]>([
    ['alice', { waits: true }], ['alice@example.com', { waits: true }], ['alice', 'down'],
  ])('a key server that is bound to the gateway is trusted like the auth service: %s with %j', async (subject, postgres) => {
    expect(await setUp(true).admit('jwks', subject, postgres)).toBe('admitted');
  });

  test('who was admitted before is admitted while Postgres is down, and only as a user of the same issuer', async () => {
    const { admit, queued } = setUp();
    await admit('chatsparty', 'alice', {});
    await admit('chatsparty', 'bob', { waits: true });
    expect([
      await admit('chatsparty', 'alice', 'down'), await admit('chatsparty', 'bob', 'down'), await admit('jwks', 'alice', 'down'),
    ]).toEqual(['admitted', 'unknown', 'unknown']);
    expect(queued.map(({ accountId, namesFrom }) => [accountId, namesFrom])).toEqual([['alice', 'chatsparty']]);
  });
});
