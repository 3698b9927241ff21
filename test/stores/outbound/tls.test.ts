import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { selfMadeCertificate } from '../../support/certificate.js';

/** Webhooks over TLS, from a process of its own: Node reads NODE_EXTRA_CA_CERTS when it starts. */
const dir = mkdtempSync(join(tmpdir(), 'cg-tls-'));
const ca = join(dir, 'ca.pem');
const seen: string[] = [];
let server: Server;
beforeAll(async () => {
  const { key, cert } = selfMadeCertificate();
  writeFileSync(ca, cert);
  server = createServer({ key, cert }, (request, response) => {
    seen.push(request.method ?? '');
    response.end('thanks');
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true });
});

const POST = pathToFileURL(join(import.meta.dirname, '../../../src/stores/outbound/post.js')).href;

async function sentTo(host: string, environment: Record<string, string>): Promise<unknown> {
  const post = { url: `https://${host}:${(server.address() as AddressInfo).port}/hook`, headers: {}, body: '{}' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', `
    const { sendPost } = await import(${JSON.stringify(POST)});
    console.log(JSON.stringify(await sendPost({ allowsPrivate: true, timeoutMs: 60_000 })(${JSON.stringify(post)})));
  `], { env: { PATH: process.env['PATH'], ...environment } });
  return JSON.parse(stdout);
}

test('a receiver with an unknown certificate gets nothing, until its authority is given', async () => {
  expect(await sentTo('localhost', {})).toEqual({ status: null, problem: 'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)' });
  expect(await sentTo('127.0.0.1', { NODE_EXTRA_CA_CERTS: ca })).toEqual({
    status: null, problem: 'its certificate is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)',
  });
  expect(seen).toEqual([]);
  expect(await sentTo('localhost', { NODE_EXTRA_CA_CERTS: ca })).toEqual({ status: 200, body: 'thanks' });
});
