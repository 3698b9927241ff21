import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendPost } from '../../../src/stores/outbound/post.js';
import { isPublicAddress, problemOfHost, problemOfUrl } from '../../../src/stores/outbound/public-address.js';

const STRICT = { allowsPrivate: false };

test.each<[string, boolean]>([
  ['93.184.215.14', true], ['8.8.8.8', true], ['2606:4700:4700::1111', true], ['2a00:1450:4001:80f::200e', true],
  // This host, private networks, carriers
  ['0.0.0.0', false], ['0.1.2.3', false], ['127.0.0.1', false], ['127.255.255.254', false], ['10.0.0.1', false], ['172.16.0.1', false],
  ['172.31.255.255', false], ['192.168.1.1', false], ['100.64.0.1', false], ['100.100.100.200', false],
  // Metadata of clouds
  ['169.254.169.254', false], ['169.254.170.2', false], ['168.63.129.16', false], ['192.0.0.192', false], ['fd00:ec2::254', false],
  // Multicast, broadcast, reserved, documentation, benchmarks
  ['224.0.0.1', false], ['239.255.255.255', false], ['255.255.255.255', false], ['240.0.0.1', false], ['192.0.2.1', false],
  ['198.18.0.1', false], ['198.51.100.7', false], ['203.0.113.9', false], ['192.88.99.1', false],
  // IPv6: loopback, unspecified, link-local, unique local, site-local, multicast, documentation, discard
  ['::1', false], ['::', false], ['fe80::1', false], ['fe80::1%eth0', false], ['fc00::1', false],
  ['fd12:3456::1', false], ['fec0::1', false],
  ['ff02::1', false], ['2001:db8::1', false], ['100::1', false], ['5f00::1', false],
  // IPv6 that carries IPv4: mapped, compatible, NAT64, 6to4, Teredo, SIIT
  ['::ffff:127.0.0.1', false], ['::ffff:8.8.8.8', false], ['::127.0.0.1', false], ['::8.8.8.8', false], ['64:ff9b::7f00:1', false],
  ['64:ff9b::808:808', false], ['64:ff9b:1::7f00:1', false], ['2002:7f00:1::1', false], ['2001::1', false], ['::ffff:0:7f00:1', false],
  ['', false], ['example.com', false],
])('%s may be called: %p', (address, isPublic) => { expect(isPublicAddress(address)).toBe(isPublic); });

test.each<[string, boolean]>([
  ['https://example.com/hook', true], ['https://example.com:8443/', true], ['https://example.com:443/', true], ['https://8.8.8.8/', true],
  ['https://[2606:4700:4700::1111]/', true],
  ['http://example.com/', false], ['ftp://example.com/', false], ['file:///etc/passwd', false], ['hook', false], ['', false],
  ['https://user@example.com/', false], ['https://user:pass@example.com/', false], ['https://example.com/#part', false],
  ['https://example.com:22/', false], ['https://example.com:25/', false], ['https://example.com:80/', false],
  ['https://example.com:1023/', false],
  ['https://localhost/', false], ['https://localhost:8443/', false], ['https://LOCALHOST./', false], ['https://a.localhost/', false],
  ['https://redis/', false], ['https://metadata.google.internal/', false], ['https://printer.local/', false],
  ['https://db.internal./', false],
  // One address in many spellings
  ['https://127.0.0.1/', false], ['https://127.1/', false], ['https://2130706433/', false], ['https://0x7f000001/', false],
  ['https://0177.0.0.1/', false], ['https://127.0.0.1./', false], ['https://①②⑦.0.0.1/', false], ['https://[::1]/', false],
  ['https://[::ffff:127.0.0.1]/', false], ['https://[::ffff:7f00:1]/', false], ['https://169.254.169.254/latest/meta-data', false],
  ['https://[64:ff9b::a9fe:a9fe]/', false], ['https://0/', false],
])('%s may be given: %p', (url, isFine) => { expect(problemOfUrl(url, STRICT) === null).toBe(isFine); });

test.each<[string, readonly string[], boolean]>([
  ['public', ['93.184.215.14', '2606:4700:4700::1111'], true], ['internal', ['10.1.2.3'], false],
  ['both', ['93.184.215.14', '127.0.0.1'], false], ['unknown', [], true],
])('a name that leads to %s addresses', async (_name, addresses, isFine) => {
  const resolve = () => Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  expect(await problemOfHost('https://example.com/', STRICT, resolve) === null).toBe(isFine);
});

describe('requests', () => {
  let server: Server;
  let url: string;
  let reply: (response: ServerResponse) => void;
  const seen: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.url ?? '');
      reply(response);
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => { server.close(); server.closeAllConnections(); });
  beforeEach(() => {
    seen.length = 0;
    reply = (response) => { response.end('thanks'); };
  });
  const allowed = sendPost({ allowsPrivate: true });
  const post = (path: string) => ({ url: `${url}${path}`, headers: {}, body: '{}' });

  test('are answered with status and body', async () => {
    expect(await allowed(post('/a'))).toEqual({ status: 200, body: 'thanks' });
  });

  test('to a private address are never sent, by literal or by a name that DNS leads there only now', async () => {
    const port = new URL(url).port;
    let asked = 0;
    const resolve = () => {
      asked += 1;
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    };
    const strict = sendPost({ ...STRICT, resolve });
    const literal = await strict({ ...post('/b'), url: `https://127.0.0.1:${port}/b` });
    expect(literal).toEqual({ status: null, problem: 'the URL must lead to a public address' });
    expect(asked).toBe(0);
    const rebound = await strict({ ...post('/b'), url: `https://hooks.example.com:${port}/b` });
    expect([rebound, asked]).toEqual([{ status: null, problem: 'its name must lead to a public address' }, 1]);
    expect(seen).toEqual([]);
  });

  test('a redirect is an answer, and is not followed', async () => {
    reply = (response) => { response.writeHead(302, { location: `${url}/elsewhere` }).end(); };
    expect(await allowed(post('/c'))).toEqual({ status: 302, body: '' });
    expect(seen).toEqual(['/c']);
  });

  test('an endless answer is read up to a bound, a slow one up to the deadline, and NUL is replaced', async () => {
    reply = (response) => {
      const more = (): void => { while (!response.destroyed && response.write('\0'.repeat(65_536))); };
      response.on('drain', more);
      more();
    };
    expect(await allowed(post('/d'))).toEqual({ status: 200, body: '\u{fffd}'.repeat(1_024) });
    reply = () => undefined;
    const hurried = sendPost({ allowsPrivate: true, timeoutMs: 50 });
    expect(await hurried(post('/e'))).toEqual({ status: null, problem: 'no answer within 0.05 seconds' });
    reply = (response) => { response.destroy(); };
    expect(await allowed(post('/f'))).toEqual({ status: null, problem: 'the connection was closed before an answer' });
  });
});
