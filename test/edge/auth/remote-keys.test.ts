import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { fetchKeys } from '../../../src/edge/auth/fetch-keys.js';
import { remoteKeys, type RemoteKeys } from '../../../src/edge/auth/remote-keys.js';

let first: JWK;
let second: JWK;
let elliptic: JWK;
const publicKey = async (alg: string, kid: string): Promise<JWK> =>
  ({ ...await exportJWK((await generateKeyPair(alg, { extractable: true })).publicKey), kid });
beforeAll(async () => {
  [first, second, elliptic] = await Promise.all([publicKey('RS256', 'k1'), publicKey('RS256', 'k2'), publicKey('ES256', 'e1')]);
});

/** Remote keys over a key server whose answers a test gives one by one. */
function setUp(): {
  remote: RemoteKeys;
  clock: { nowMs: number };
  /** Fetches under way, oldest first. */
  waiting: { give(keys: JWK[]): void; fail(): void }[];
  counts: { fetches: number; refreshed: number; failed: number };
  readonly find: (kid: string) => Promise<string>;
} {
  const clock = { nowMs: 1_800_000_000_000 };
  const waiting: { give(keys: JWK[]): void; fail(): void }[] = [];
  const counts = { fetches: 0, refreshed: 0, failed: 0 };
  const remote = remoteKeys({
    url: new URL('https://keys.example.com/'), clock: () => clock.nowMs,
    report: { refreshed: () => { counts.refreshed += 1; }, failed: () => { counts.failed += 1; } },
    fetch: () => new Promise((resolve, reject) => {
      counts.fetches += 1;
      waiting.push({ give: resolve, fail: () => { reject(new Error('down')); } });
    }),
  });
  const find = (kid: string): Promise<string> => Promise.resolve(remote.key({ alg: 'RS256', kid }, { payload: '', signature: '' }))
    .then(() => 'found', () => 'unknown');
  return { remote, clock, waiting, counts, find };
}
/** Lets everything that can go on go on. */
const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
type Lab = ReturnType<typeof setUp>;
const answer = async ({ waiting }: Lab, keys: JWK[] | 'failure'): Promise<void> => {
  for (let turn = 0; turn < 1_000 && waiting.length === 0; turn += 1) await settled();
  const each = waiting.shift();
  if (keys === 'failure') each?.fail();
  else each?.give(keys);
  await settled();
};
/** A lab that has keys. */
async function withKeys(): Promise<Lab> {
  const lab = setUp();
  const found = lab.find('k1');
  await answer(lab, [first]);
  expect(await found).toBe('found');
  return lab;
}

describe('when the key server is asked', () => {
  test('ten first tokens at once: one fetch, which they share', async () => {
    const lab = setUp();
    const found = Array.from({ length: 10 }, () => lab.find('k1'));
    await answer(lab, [first]);
    expect(await Promise.all(found)).toEqual(found.map(() => 'found'));
    expect(lab.counts).toEqual({ fetches: 1, refreshed: 1, failed: 0 });
  });

  test('old keys stay in use while one refresh hangs, and after it failed; good tokens never wait', async () => {
    const lab = await withKeys();
    lab.clock.nowMs += 600_000;
    // Nothing answers the fetch; these promises resolve all the same.
    expect(await Promise.all(Array.from({ length: 10 }, () => lab.find('k1')))).toEqual(Array.from({ length: 10 }, () => 'found'));
    expect(lab.counts.fetches).toBe(2);
    await answer(lab, 'failure');
    lab.clock.nowMs += 86_400_000;
    expect(await lab.find('k1')).toBe('found');
    await answer(lab, [second]);
    expect([await lab.find('k1'), await lab.find('k2')]).toEqual(['unknown', 'found']);
    expect(lab.counts).toEqual({ fetches: 3, refreshed: 2, failed: 1 });
  });

  test('failures are repeated after 1, 2, 5, 15, 30 and then every 60 s, with keys and without', async () => {
    for (const lab of [setUp(), await withKeys()]) {
      lab.clock.nowMs += 600_000;
      const before = lab.counts.fetches;
      for (const pauseMs of [1_000, 2_000, 5_000, 15_000, 30_000, 60_000, 60_000]) {
        void lab.find('k1');
        await answer(lab, 'failure');
        const { fetches } = lab.counts;
        lab.clock.nowMs += pauseMs - 1;
        await lab.find('k1');
        expect(lab.counts.fetches).toBe(fetches);
        lab.clock.nowMs += 1;
      }
      expect(lab.counts.fetches - before).toBe(7);
      // A success ends the pauses.
      const found = lab.find('k1');
      await answer(lab, [first]);
      expect(await found).toBe('found');
    }
  });

  test('forged key ids: one fetch in 30 s, however many there are, and good tokens do not wait for it', async () => {
    const lab = await withKeys();
    expect(await Promise.all(['f1', 'f2', 'f3'].map(lab.find))).toEqual(['unknown', 'unknown', 'unknown']);
    expect(lab.counts.fetches).toBe(1);
    lab.clock.nowMs += 30_000;
    const forged = Array.from({ length: 10 }, (_, index) => lab.find(`f${index}`));
    expect(await lab.find('k1')).toBe('found');
    await answer(lab, 'failure');
    expect(await Promise.all(forged)).toEqual(forged.map(() => 'unknown'));
    expect(await lab.find('f11')).toBe('unknown');
    expect(lab.counts.fetches).toBe(2);
  });

  test('a new key of the issuer is found by the first token that names it', async () => {
    const lab = await withKeys();
    lab.clock.nowMs += 30_000;
    const found = lab.find('k2');
    await answer(lab, [first, second]);
    expect(await found).toBe('found');
  });

  test('a clock that was set back does not keep the key server from being asked', async () => {
    const lab = await withKeys();
    lab.clock.nowMs -= 86_400_000;
    await lab.find('k1');
    expect(lab.counts.fetches).toBe(2);
  });
});

describe('what a key server may answer', () => {
  let server: Server;
  let handle: RequestListener = () => undefined;
  let base: string;
  beforeAll(async () => {
    server = createServer((request, response) => { handle(request, response); });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => { server.closeAllConnections(); server.close(); });
  const says = (body: unknown, status = 200, headers: Record<string, string> = {}): RequestListener => (_, response) => {
    response.writeHead(status, { connection: 'close', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const outcome = (): Promise<unknown> => fetchKeys(new URL(`${base}/keys`))
    .then((keys) => keys.map(({ kid }) => kid), (error: unknown) => (error as Error).message);

  test('keys that cannot be used do not break the others, and secrets are left out', async () => {
    const private_ = await exportJWK((await generateKeyPair('RS256', { extractable: true })).privateKey);
    handle = says({
      keys: [
        null, 7, 'text', {}, { kty: 'RSA', kid: 'no-modulus', e: 'AQAB' }, { kty: 'EC', kid: 'odd', crv: 'P-256', x: 'AA', y: 'AA' },
        { kty: 'oct', kid: 'secret', k: 'AAAA' }, { kty: 'toString', kid: 'x' }, { ...first, kid: 'encrypts', alg: 'RSA-OAEP' },
        { ...private_, kid: 'private' }, { ...first, n: 7, kid: 'number' }, first, { ...elliptic, use: 'sig', alg: 'ES256' },
      ],
    });
    expect(await outcome()).toEqual(['k1', 'e1']);
  });

  test.each<[string, RequestListener, unknown]>([
    ['no keys at all is an answer', says({ keys: [] }), []],
    ['only unusable keys', says({ keys: [{ kty: 'oct' }, {}] }), 'none of its 2 keys can verify RS256 or ES256'],
    ['too many', says({ keys: Array.from({ length: 1_001 }, () => ({})) }), 'the answer has more than 1000 keys'],
    ['no set', says({ keys: {} }), 'the answer is not a JSON Web Key Set'],
    ['null', says('null'), 'the answer is not a JSON Web Key Set'],
    ['no JSON', says('<html>'), 'the answer is not JSON'],
    ['an error', says({ keys: [] }, 500), 'it answered 500'],
    ['no content', says('', 204), 'it answered 204'],
    ['an endless redirect', says('', 302, { location: '/keys' }), 'it redirects more than 3 times'],
    ['a redirect to another protocol', says('', 302, { location: 'file:///etc/passwd' }), 'it redirects to file:'],
  ])('%s', async (_, listener, expected) => {
    handle = listener;
    expect(await outcome()).toEqual(expected);
  });

  test('a redirect is followed', async () => {
    handle = (request, response) => {
      if (request.url === '/keys') says('', 307, { location: '/elsewhere' })(request, response);
      else says({ keys: [first] })(request, response);
    };
    expect(await outcome()).toEqual(['k1']);
  });

  test('a large answer is not read to its end', async () => {
    let sent = 0;
    const closed = new Promise<void>((resolve) => {
      handle = (_, response) => {
        const chunk = Buffer.alloc(65_536, ' ');
        const more = (): void => {
          while (!response.destroyed) {
            sent += chunk.length;
            if (!response.write(chunk)) {
              response.once('drain', more);
              return;
            }
          }
        };
        response.once('close', resolve);
        more();
      };
    });
    expect(await outcome()).toBe('the answer is larger than 1048576 bytes');
    await closed;
    expect(sent).toBeLessThan(50_000_000);
  });

  test.each<[string, NonNullable<typeof handle>]>([
    ['begins', () => undefined], ['ends', (_, response) => { response.writeHead(200).write('{"keys":['); }],
  ])('an answer that never %s is given up after two seconds, whatever is collected as garbage meanwhile', async (_, answer) => {
    handle = answer;
    setFlagsFromString('--expose-gc');
    const collecting = setInterval(runInNewContext('gc') as () => void, 100);
    try {
      expect(await outcome()).toBe('it took longer than 2000 ms');
    } finally {
      clearInterval(collecting);
    }
  }, 10_000);
});
