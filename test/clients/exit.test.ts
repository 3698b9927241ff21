import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { projectRoot } from '../../src/kit/paths.js';
import { clientLab, type ClientLab } from './lab.js';

/** What a process that ends does for its leases: each test is a process of its own. */

let lab: ClientLab;
let account: string;
beforeAll(async () => {
  lab = await clientLab();
  account = await lab.funded('1');
});
afterAll(async () => { await lab.stop(); });

const CLIENT = join(projectRoot, 'dist/clients/typescript/src/index.js');

type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly said: string; readonly hold: unknown };

/** A process with a lease that has used 10 tokens; `signal` is sent when it says `ready`. */
async function run(id: string, script: string, signal: NodeJS.Signals | null, options = ''): Promise<Ended> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { CreditGateway } from ${JSON.stringify(CLIENT)};
    const [gateway, key] = ${JSON.stringify([lab.gateway.url, lab.key])};
    const credits = new CreditGateway({ baseUrl: gateway, apiKey: key, ${options} });
    const say = (text) => new Promise((resolve) => process.stdout.write(text + '\\n', resolve));
    const options = { account: ${JSON.stringify(account)}, id: '${id}', model: 'gpt-4o', inputTokens: 1_000, maxOutputTokens: 100 };
    ${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  let isSent = false;
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (signal === null || isSent || !said.includes('ready')) return;
    isSent = true;
    child.kill(signal);
  });
  const [code, by] = await once(child, 'close') as [number | null, NodeJS.Signals | null];
  const { body } = await lab.bearer(lab.key)('GET', `/v1/holds/${id}?account=${account}`);
  return { code, signal: by, said: said.trim(), hold: [body['state'], body['captured'] ?? body['reported']] };
}

const WAITING = `await credits.stream(options, async (lease) => {
  await lease.report({ outputTokens: 10 });
  await say('ready');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});`;

test.each([
  ['SIGTERM', 'term', WAITING, 'SIGTERM', '', { code: null, signal: 'SIGTERM', hold: ['settled', '0.0026'] }],
  ['SIGINT', 'int', WAITING, 'SIGINT', '', { code: null, signal: 'SIGINT', hold: ['settled', '0.0026'] }],
  ['the listener of the application is called, and decides when to exit', 'own', `
    process.once('SIGTERM', async () => {
      await say('own');
      await credits.close();
      process.exit(7);
    });
    ${WAITING}`, 'SIGTERM', '', { code: 7, said: 'ready\nown', hold: ['settled', '0.0026'] }],
  ['onExit: report leaves the stream to end by itself', 'drain', `
    process.on('SIGTERM', () => setTimeout(() => say('drained'), 200));
    await credits.stream(options, async (lease) => {
      await lease.report({ outputTokens: 10 });
      await say('ready');
      await new Promise((resolve) => setTimeout(resolve, 700));
      await say(String(await lease.report({ outputTokens: 20 })));
    });`, 'SIGTERM', `onExit: 'report'`, { code: 0, said: 'ready\ndrained\ntrue', hold: ['settled', '0.0027'] }],
  ['onExit: ignore', 'ignored', WAITING, 'SIGTERM', `onExit: 'ignore'`, { code: null, signal: 'SIGTERM', hold: ['open', '0'] }],
  ['a process with nothing left to do', 'idle', `
    const lease = await credits.lease(options);
    await lease.report({ outputTokens: 10 });`, null, '', { code: 0, hold: ['settled', '0.0026'] }],
  ['no listener stays when no lease is open', 'clean', `
    await credits.stream(options, async (lease) => { await lease.report({ outputTokens: 10 }); });
    await say(['SIGTERM', 'SIGINT', 'beforeExit'].map((event) => process.listenerCount(event)).join());`, null, '',
  { code: 0, said: '0,0,0', hold: ['settled', '0.0026'] }],
  ['a gateway that is away delays the end only for a while', 'stuck', `
    let isAway = false;
    const away = new CreditGateway({
      baseUrl: gateway, apiKey: key, deadlineMs: 3_000, fetch: (url, init) => (isAway ? new Promise(() => undefined) : fetch(url, init)),
    });
    const lease = await away.lease(options);
    await lease.report({ outputTokens: 10 });
    isAway = true;
    await say('ready');
    setTimeout(() => undefined, 60_000);`, 'SIGTERM', '', { code: null, signal: 'SIGTERM', hold: ['open', '0'] }],
] as const)('%s', async (_, id, script, signal, options, expected) => {
  expect(await run(id, script, signal, options)).toMatchObject(expected);
});
