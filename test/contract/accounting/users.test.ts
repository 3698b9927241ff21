import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, signed, usualClaims, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/**
 * Who accounts belong to, over HTTP: docs/contracts/README.md#identity,
 * docs/contracts/accounting-service.md#target-users, docs/contracts/accounting-service.md#credits (admin/users) and
 * docs/contracts/README.md#what-must-hold.
 */
const CHATSPARTY_SECRET = randomBytes(32).toString('hex');
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { CHATSPARTY_JWT_SECRET: CHATSPARTY_SECRET, ALLOCATE_BY_EMAIL_STATUS: '200' } });
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

const call = (method: string, path: string, body?: object, token = admin, headers: Record<string, string> = {}): Promise<Answer> =>
  send(gateway.url + path, method, { token, headers, ...(body === undefined ? {} : { body }) });
const allocate = async (userId: string, credits: number): Promise<Answer> => {
  const answer = await call('POST', '/api/credits/allocate', { userId, credits });
  expect(answer.status).toBe(201);
  return answer;
};
const totalOf = async (token: string): Promise<unknown> =>
  (await call('GET', '/api/credits/total-balance', undefined, token)).body['totalCredits'];
const fresh = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`;
const objectId = (): string => randomBytes(12).toString('hex');

describe('credits that wait for their owner', () => {
  test('the phantom-account trap: credited by username, they are there at the first request', async () => {
    const name = fresh('user1');
    expect((await allocate(name, 100)).body).toMatchObject({ userId: name, totalCredits: 100 });
    expect((await call('GET', `/api/credits/balance/${name}`)).body).toMatchObject({ userId: name, totalCredits: 100 });
    const sub = objectId();
    expect(await totalOf(await gateway.token({ sub, username: name }))).toBe(100);
    // From now on the name belongs to the account.
    expect((await allocate(name, 50)).body['userId']).toBe(sub);
    for (const [method, path, body, left] of [
      ['PUT', '/api/credits/adjust', { adjustment: 1 }, 151], ['DELETE', '/api/credits/remove', { credits: 51 }, 100],
      ['POST', '/api/credits/set', { credits: 7 }, 7],
    ] as const) {
      expect((await call(method, path, { userId: name, ...body })).body).toMatchObject({ userId: sub, newCredits: left });
    }
    expect((await call('GET', `/api/credits/balance/${name}`)).body).toMatchObject({ userId: sub, totalCredits: 7 });
  });

  test('credited by e-mail, in any case; both names of one caller', async () => {
    const [name, local] = [fresh('bob'), fresh('Bob')];
    await allocate(`${local}@Example.com`, 3);
    await allocate(`${local.toUpperCase()}@EXAMPLE.com`, 4);
    await allocate(name, 5);
    const token = await gateway.token({ sub: objectId(), username: name, email: `${local.toLowerCase()}@example.COM` });
    expect(await totalOf(token)).toBe(12);
  });

  test('20 first requests at once: each has all of it, and it is there once', async () => {
    const name = fresh('carol');
    for (const credits of [1, 2, 4]) await allocate(name, credits);
    const sub = objectId();
    const tokens = await Promise.all(Array.from({
      length: 20,
    }, (_, index) => gateway.token({ sub, username: name, email: `${name}-${index % 2}@example.com` })));
    const answers = await Promise.all(tokens.map((token) => call('GET', '/api/credits/balance', undefined, token)));
    expect(answers.map(({ status, body }) => [status, body['totalCredits']])).toEqual(answers.map(() => [200, 7]));
    expect((await call('GET', `/api/credits/balance/${sub}`)).body['totalCredits']).toBe(7);
  });

  test('a token whose subject is the name has it as it is', async () => {
    const sub = objectId();
    const { body: { id } } = await allocate(sub, 9);
    const token = await gateway.token({ sub, username: fresh('dave') });
    const { body } = await call('GET', '/api/credits/balance', undefined, token);
    expect([body['totalCredits'], (body['activeAllocations'] as { id: number }[])[0]?.id]).toEqual([9, id]);
    // No other user with that username can claim it any more.
    expect(await totalOf(await gateway.token({ sub: objectId(), username: sub }))).toBe(0);
    expect(await totalOf(token)).toBe(9);
  });

  test('a repeat of the allocation after the claim gets the first answer, and grants nothing more', async () => {
    const name = fresh('erin');
    const headers = { 'idempotency-key': randomUUID() };
    const first = await call('POST', '/api/credits/allocate', { userId: name, credits: 6 }, admin, headers);
    const token = await gateway.token({ sub: objectId(), username: name });
    expect(await totalOf(token)).toBe(6);
    const again = await call('POST', '/api/credits/allocate', { userId: name, credits: 6 }, admin, headers);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(await totalOf(token)).toBe(6);
    expect((await call('POST', '/api/credits/allocate', { userId: name, credits: 7 }, admin, headers)).status).toBe(422);
  });

  test('only allocate creates accounts', async () => {
    const name = fresh('ghost');
    expect((await call('POST', '/api/credits/allocate-by-email', { email: `${name}@example.com`, credits: 1 })).status).toBe(404);
    expect((await call('POST', '/api/credits/set', { userId: name, credits: 1 })).status).toBe(404);
    expect((await call('GET', `/api/credits/balance/${name}`)).status).toBe(404);
    await allocate(`${name}@example.com`, 1);
    const byEmail = await call('POST', '/api/credits/allocate-by-email', { email: `${name}@example.com`, credits: 1 });
    expect([byEmail.status, byEmail.body['userId']]).toEqual([200, `${name}@example.com`]);
  });
});

describe('I12: what a hostile token gets', () => {
  const nothingFor = async (token: string, name: string, credits: number): Promise<void> => {
    expect(await totalOf(token)).toBe(0);
    expect((await call('GET', `/api/credits/balance/${encodeURIComponent(name)}`)).body['totalCredits']).toBe(credits);
  };

  test('a username that is the e-mail of another user, look-alike letters, or an unverified e-mail: nothing', async () => {
    const email = `${fresh('victim')}@kexample.com`;
    await allocate(email, 10);
    await nothingFor(await gateway.token({ sub: objectId(), username: email }), email, 10);
    await nothingFor(await gateway.token({ sub: objectId(), email: email.replace('@k', '@\u212A') }), email, 10);
    for (const email_verified of [false, 'false', null, 0]) {
      await nothingFor(await gateway.token({ sub: objectId(), email, email_verified } as never), email, 10);
    }
    expect(await totalOf(await gateway.token({ sub: objectId(), email }))).toBe(10);
  });

  test('a token of ChatsParty: nothing by name; what is under its own id is its own', async () => {
    const email = `${fresh('victim')}@example.com`;
    const userId = `c${objectId()}`;
    await allocate(email, 10);
    await allocate(userId, 3);
    const token = await signed(CHATSPARTY_SECRET, { ...usualClaims(Date.now()), userId, email, username: email, role: 'admin' });
    expect(await totalOf(token)).toBe(3);
    expect(await totalOf(await gateway.token({ sub: objectId(), email }))).toBe(10);
  });

  test('a subject of ChatsParty that is the text of a name, or an id that waits: refused, and the owner gets all', async () => {
    const [name, local, later, sub] = [fresh('victim'), fresh('victim'), fresh('victim'), objectId()];
    const email = `${local}@example.com`;
    for (const text of [name, email, sub]) await allocate(text, 10);
    const chatsparty = (userId: string): Promise<string> => signed(CHATSPARTY_SECRET, { ...usualClaims(Date.now()), userId });
    const refused = async (userId: string): Promise<void> => {
      const { status, body } = await call('GET', '/api/credits/balance', undefined, await chatsparty(userId));
      const [source] = body['sources'] as { path: string }[];
      expect([status, body['message'], source?.path]).toEqual([401, 'Authentication failed', 'token.userId']);
    };
    for (const text of [name, email, email.toUpperCase(), sub]) await refused(text);
    // An address that nobody has granted to yet: whoever held the account of that id would get what comes.
    await refused(`${later}@example.com`);
    const owner = await gateway.token({ sub, username: name, email });
    expect(await totalOf(owner)).toBe(30);
    // After the claim, too; what comes under these names is the owner's.
    for (const text of [name, email]) await refused(text);
    for (const text of [name, email, sub]) expect((await allocate(text, 1)).body['userId']).toBe(sub);
    expect(await totalOf(owner)).toBe(33);
  });

  test('a username that is the id of another user: it neither claims nor finds', async () => {
    const [waiting, unseen] = [objectId(), objectId()];
    await allocate(waiting, 10);
    await nothingFor(await gateway.token({ sub: objectId(), username: waiting }), waiting, 10);
    await totalOf(await gateway.token({ sub: objectId(), username: unseen }));
    expect((await allocate(unseen, 5)).body['userId']).toBe(unseen);
    expect(await totalOf(await gateway.token({ sub: unseen }))).toBe(5);
  });

  test('a token with an invalid signature, or an expired one: nothing, and no trace', async () => {
    const name = fresh('victim');
    await allocate(name, 10);
    const forged = await signed('not-the-secret-of-this-gateway-0123456789', {
      ...usualClaims(Date.now()), sub: objectId(), username: name,
    });
    expect((await call('GET', '/api/credits/balance', undefined, forged)).status).toBe(401);
    expect((await call('GET', `/api/credits/balance/${name}`)).body).toMatchObject({ userId: name, totalCredits: 10 });
  });

  test('a username of two users: no claim, and an administrator must name the account by id', async () => {
    const name = fresh('twin');
    const [a, b] = [await gateway.token({ sub: objectId(), username: name }), await gateway.token({ sub: objectId(), username: name })];
    expect([await totalOf(a), await totalOf(b)]).toEqual([0, 0]);
    const refused = await call('POST', '/api/credits/allocate', { userId: name, credits: 5 });
    expect([refused.status, refused.body['error']]).toEqual([409, 'conflict']);
    expect([await totalOf(a), await totalOf(b)]).toEqual([0, 0]);
  });

  test('X-User-ID and a body\'s userId are ignored', async () => {
    const name = fresh('victim');
    await allocate(name, 10);
    const token = await gateway.token({ sub: objectId() });
    const answer = await call('POST', '/api/credits/deduct', { credits: 1, userId: name }, token, { 'x-user-id': name });
    expect([answer.status, answer.body['message']]).toEqual([400, 'Insufficient credits']);
  });
});

describe('profiles', () => {
  test('an e-mail is never a reason to refuse a token', async () => {
    const email = `${fresh('shared')}@example.com`;
    for (const claims of [{ email }, { email }, {}, {}, { email: 'not an e-mail' }, { email: 'x'.repeat(400) }, { username: 'a\u0000b' }]) {
      expect((await call('GET', '/api/credits/balance', undefined, await gateway.token({ sub: objectId(), ...claims }))).status).toBe(200);
    }
  });

  test('follow the token: a new name replaces the old one', async () => {
    const sub = objectId();
    const [before, after] = [fresh('before'), fresh('after')];
    await totalOf(await gateway.token({ sub, username: before }));
    expect((await call('GET', `/api/credits/balance/${before}`)).body['userId']).toBe(sub);
    await totalOf(await gateway.token({ sub, username: after }));
    const deadline = Date.now() + 120_000;
    while ((await call('GET', `/api/credits/balance/${after}`)).status !== 200 && Date.now() < deadline) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    expect((await call('GET', `/api/credits/balance/${after}`)).body['userId']).toBe(sub);
    expect((await call('GET', `/api/credits/balance/${before}`)).status).toBe(404);
  });
});

describe('POST /api/admin/users', () => {
  const register = (body: object, token = admin): Promise<Answer> => call('POST', '/api/admin/users', body, token);
  const said = ({ status, body }: Answer): unknown[] => [status, body['message']];

  test('201 with the user, who can be credited by name before the first token', async () => {
    const sub = objectId();
    const name = fresh('new.user');
    const { status, body } = await register({ sub, email: `${name}@Example.com`, role: 'user' });
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect([status, body]).toEqual([
      201, { userId: sub, sub, email: `${name}@Example.com`, username: name, role: 'enduser', createdAt: at, updatedAt: at },
    ]);
    expect((await call('POST', '/api/credits/allocate-by-email', { email: `${name}@example.com`, credits: 2 })).body['userId']).toBe(sub);
    expect((await call('POST', '/api/credits/set', { userId: name, credits: 3 })).body['message'])
      .toBe(`Credits set to 3 for user ${name}`);
    expect(await totalOf(await gateway.token({ sub }))).toBe(3);
  });

  test('the role of a token counts, not the one that was registered', async () => {
    const sub = objectId();
    expect((await register({ sub, email: `${sub}@example.com`, role: 'admin', username: 'boss' })).body).toMatchObject({
      role: 'admin', username: 'boss',
    });
    expect((await call('GET', '/api/credits/allocations/all', undefined, await gateway.token({ sub, role: 'user' }))).status).toBe(403);
  });

  test('409 for who is known, registered or seen; 409 for an e-mail of another', async () => {
    const sub = objectId();
    const email = `${sub}@example.com`;
    expect((await register({ sub, email, role: 'enduser' })).status).toBe(201);
    expect(said(await register({ sub, email, role: 'enduser' }))).toEqual([409, `User with identifier (sub) '${sub}' already exists.`]);
    expect(said(await register({ sub: objectId(), email: email.toUpperCase(), role: 'enduser' }))).toEqual([
      409, `User with email '${email.toUpperCase()}' already exists for a different user.`,
    ]);
    const seen = objectId();
    await totalOf(await gateway.token({ sub: seen }));
    expect(said(await register({ sub: seen, email: `${seen}@example.com`, role: 'enduser' }))).toEqual([
      409, `User with identifier (sub) '${seen}' already exists.`,
    ]);
  });

  test('credits under the user\'s id belong to the account at once; those under a name wait for the token', async () => {
    const sub = objectId();
    const name = fresh('frank');
    await allocate(sub, 1);
    await allocate(name, 2);
    expect((await register({ sub, email: `${name}@example.com`, role: 'user', username: name })).status).toBe(201);
    expect((await call('GET', `/api/credits/balance/${sub}`)).body['totalCredits']).toBe(1);
    expect(await totalOf(await gateway.token({ sub, username: name }))).toBe(3);
  });

  const good = { sub: 'a1'.repeat(12), email: 'a@example.com', role: 'user' };
  test.each([
    [{}, 'Invalid request body. sub, email, and role are required.'],
    [{ ...good, sub: undefined }, 'Invalid request body. sub, email, and role are required.'],
    [{ ...good, email: '' }, 'Invalid request body. sub, email, and role are required.'],
    [{ ...good, role: 7 }, 'Invalid request body. sub, email, and role are required.'],
    [{ ...good, sub: 'xyz' }, 'Invalid sub format. Must be a valid identifier from the Authentication service.'],
    [{ ...good, sub: 'a'.repeat(33) }, 'Invalid sub format. Must be a valid identifier from the Authentication service.'],
    [{ ...good, sub: randomUUID() }, 'Invalid sub format. Must be a valid identifier from the Authentication service.'],
    [{ ...good, email: 'nonsense' }, 'Invalid email format provided.'],
    [{ ...good, role: 'boss' }, 'Invalid role specified. Valid roles are: enduser, supervisor, admin.'],
    [{ ...good, role: '__proto__' }, 'Invalid role specified. Valid roles are: enduser, supervisor, admin.'],
  ])('%j -> 400 %s', async (body, message) => {
    expect(said(await register(body))).toEqual([400, message]);
  });

  test('admins only', async () => {
    expect((await register(good, await gateway.token({ sub: 'boss', role: 'supervisor' }))).status).toBe(403);
  });
});
