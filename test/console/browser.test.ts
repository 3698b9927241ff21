import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../support/chromium.js';
import { consoleLab, type Lab } from './lab.js';

/**
 * An operator's night in a real browser: log in, find the account, look, void a stuck hold, grant, look at the queues.
 * `SCREENSHOTS=<folder>` keeps what she saw.
 */
let lab: Lab | undefined;
let browser: Browser | undefined;
let missing = '';
let folder = '';
beforeAll(async () => {
  const found = await findChromium();
  if ('missing' in found) {
    ({ missing } = found);
    return;
  }
  const wanted = process.env['SCREENSHOTS'];
  folder = wanted ?? await mkdtemp(join(tmpdir(), 'console-'));
  await mkdir(folder, { recursive: true });
  lab = await consoleLab();
  browser = await launchChromium(found);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await lab?.stop();
});

/** A fresh browser whose every complaint is a failure: a refused style, a script error, a request that left the house. */
async function newContext({ gateway }: Lab, complaints: string[], size = { width: 1280, height: 900 }, colorScheme: 'light' | 'dark' = 'light'): Promise<BrowserContext> {
  if (browser === undefined) throw new Error('no browser');
  const context = await browser.newContext({ viewport: size, colorScheme });
  context.on('page', (page) => {
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => { complaints.push(error.message); });
    page.on('request', (request) => { if (!request.url().startsWith(gateway.url) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`); });
  });
  return context;
}

const shoot = (page: Page, name: string, fullPage = false): Promise<unknown> => page.screenshot({ path: join(folder, `${name}.png`), fullPage });

async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/console`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** A user with credits, some holds, a ledger, and one refusal. */
async function busyAccount({ api }: Lab): Promise<void> {
  await api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 100, notes: 'welcome' }, 'admin');
  await api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 25.5, expiryDays: 7, notes: 'promotion' }, 'admin');
  for (const [index, tokens] of [1_500, 2_000, 800].entries()) await api('alice', 'POST', '/api/streaming-sessions/initialize', { sessionId: `message-${index + 1}`, modelId: 'gpt-4', estimatedTokens: tokens });
  await api('alice', 'POST', '/api/streaming-sessions/finalize', { sessionId: 'message-1', actualTokens: 1_200 });
  await api('alice', 'POST', '/api/credits/deduct', { credits: 3.25 });
  await api('alice', 'POST', '/api/usage/record', { service: 'image', operation: 'generate', credits: 4 });
}

test('an operator’s night', async () => {
  if (lab === undefined) {
    process.stderr.write(`skipped: ${missing}\n`);
    return;
  }
  const { gateway } = lab;
  await busyAccount(lab);
  const complaints: string[] = [];
  const context = await newContext(lab, complaints);
  const page = await context.newPage();

  await page.goto(`${gateway.url}/console`);
  expect(page.url()).toBe(`${gateway.url}/console/login`);
  await shoot(page, 'login');
  await logIn(page, gateway.url, await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' }));
  await page.waitForURL(`${gateway.url}/console`);
  await shoot(page, 'overview', true);
  expect(await page.getByRole('list', { name: 'State at a glance' }).textContent()).toContain('Redis: there');

  await page.getByRole('searchbox').fill('alice');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForURL(`${gateway.url}/console/accounts/alice`);
  await shoot(page, 'account', true);

  await page.getByRole('table', { name: 'Open holds' }).getByRole('link', { name: 'message-2' }).click();
  await shoot(page, 'hold-open', true);
  await page.getByRole('link', { name: 'Void' }).click();
  await page.getByLabel('Why').fill('the proxy died; <b>ticket</b> 4711');
  await shoot(page, 'void-form');
  await page.getByRole('button', { name: 'Go on' }).click();
  await shoot(page, 'void-confirm');
  await page.getByRole('button', { name: 'Void hold' }).click();
  await shoot(page, 'void-done');
  await page.getByRole('link', { name: 'Back' }).click();
  await shoot(page, 'hold', true);
  const life = await page.getByRole('list').filter({ hasText: 'place' }).first().textContent();
  expect(life).toContain('by ops: the proxy died; <b>ticket</b> 4711');

  await page.goto(`${gateway.url}/console/accounts/alice`);
  await page.getByRole('link', { name: 'Grant credits' }).click();
  await page.getByLabel('Credits').fill('7.5');
  await page.getByLabel('Why').fill('goodwill');
  await page.getByRole('button', { name: 'Go on' }).click();
  await shoot(page, 'grant-confirm');
  await page.getByRole('button', { name: 'Grant credits' }).click();
  expect(await page.getByRole('status').textContent()).toContain('7.5 credits granted');
  await page.reload(); // the same form again
  expect(await page.getByRole('status').textContent()).toContain('had been already, once');

  await page.goto(`${gateway.url}/console/queues`);
  await page.getByText('ledger').first().waitFor();
  await page.getByText('Loading').first().waitFor({ state: 'detached' });
  await shoot(page, 'queues');
  expect(complaints).toEqual([]);
  await context.close();
}, 120_000);

test('on a phone, in the dark', async () => {
  if (lab === undefined) return;
  const complaints: string[] = [];
  const context = await newContext(lab, complaints, { width: 390, height: 844 }, 'dark');
  const page = await context.newPage();
  await logIn(page, lab.gateway.url, await lab.gateway.token({ sub: 'ops', role: 'admin', username: 'ops' }));
  await page.waitForURL(`${lab.gateway.url}/console`);
  for (const [name, path] of [['phone-overview', '/console'], ['phone-account', '/console/accounts/alice'], ['phone-hold', '/console/accounts/alice/holds/message-1']] as const) {
    await page.goto(lab.gateway.url + path);
    await shoot(page, name, true);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
  }
  expect(complaints).toEqual([]);
  await context.close();
}, 60_000);
