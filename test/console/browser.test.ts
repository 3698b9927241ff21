import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../support/chromium.js';
import { fakeConsole } from '../support/fake-console.js';
import { fakeGateway } from '../support/fake-gateway.js';
import { consoleLab, type Lab } from './lab.js';

/**
 * An operator's night in a real browser: log in, find the account, look, void a stuck hold, grant, look at the queues.
 * `SCREENSHOTS=<folder>` keeps what she saw: `npm run screenshots` makes the pictures of docs/console.md.
 */
const FOLDER = process.env['SCREENSHOTS'];

let lab: Lab;
let browser: Browser | undefined;
let missing = '';
beforeAll(async () => {
  const found = await findChromium();
  if ('missing' in found) {
    ({ missing } = found);
    return;
  }
  if (FOLDER !== undefined) await mkdir(FOLDER, { recursive: true });
  lab = await consoleLab();
  browser = await launchChromium(found);
}, 700_000);
afterAll(async () => {
  await browser?.close();
  if (missing === '') await lab.stop();
});

/** A test that needs the browser; without one it says that it was skipped and why. */
function browserTest(name: string, walk: (browser: Browser) => Promise<void>): void {
  test(name, async () => {
    if (browser === undefined) process.stderr.write(`skipped: ${name}: ${missing}\n`);
    else await walk(browser);
  }, 120_000);
}

type Look = { readonly url: string; readonly width?: number; readonly colorScheme?: 'light' | 'dark' };

/** A fresh browser whose every complaint is a failure: a refused style, a script error, a request that left the house. */
async function visit(by: Browser, { url, width = 1_280, colorScheme = 'light' }: Look, walk: (page: Page) => Promise<void>): Promise<void> {
  const complaints: string[] = [];
  const context = await by.newContext({ viewport: { width, height: 860 }, colorScheme });
  context.on('page', (page) => {
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => { complaints.push(error.message); });
    page.on('request', (request) => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`); });
  });
  await walk(await context.newPage());
  await context.close();
  expect(complaints).toEqual([]);
}

async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
  if (FOLDER === undefined) return;
  await page.waitForLoadState();
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage });
}

async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/console`);
  expect(page.url()).toBe(`${url}/console/login`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${url}/console`);
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

browserTest('an operator’s night', async (by) => {
  const { gateway } = lab;
  const { url } = gateway;
  await busyAccount(lab);
  const token = await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' });
  await visit(by, { url }, async (page) => {
    await logIn(page, url, token);
    expect(await page.getByRole('list', { name: 'State at a glance' }).textContent()).toContain('Redis: there');
    await shoot(page, 'overview');

    await page.getByRole('searchbox').fill('alice');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL(`${url}/console/accounts/alice`);
    expect(await page.getByRole('table', { name: 'Lots' }).textContent()).toContain('95.25');
    await shoot(page, 'account');

    await page.getByRole('table', { name: 'Open holds' }).getByRole('link', { name: 'message-2' }).click();
    await page.getByRole('link', { name: 'Void' }).click();
    await page.getByLabel('Why').fill('the proxy died; <b>ticket</b> 4711');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('heading', { name: 'Void hold?' }).waitFor();
    await page.getByRole('button', { name: 'Void hold' }).click();
    await page.getByRole('link', { name: 'Back' }).click();
    expect(await page.locator('.life').textContent()).toContain('by ops: the proxy died; <b>ticket</b> 4711');
    await shoot(page, 'hold');

    await page.goto(`${url}/console/accounts/alice`);
    await page.getByRole('link', { name: 'Grant credits' }).click();
    await page.getByLabel('Credits').fill('7.5');
    await page.getByLabel('Why').fill('goodwill');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Grant credits' }).click();
    expect(await page.getByRole('status').textContent()).toContain('7.5 credits granted');
    await page.reload(); // sends the same form again
    expect(await page.getByRole('status').textContent()).toContain('had been already, once');

    await page.getByRole('link', { name: 'Queues' }).click();
    await page.getByText('0 Jobs').first().waitFor();
    await shoot(page, 'queues', false);

    await page.goto(`${url}/console`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL(`${url}/console/login`);
    await page.goto(`${url}/console/accounts/alice`);
    expect(page.url()).toContain('/console/login?next=');
  });
});

browserTest('on a phone, in the dark: nothing is wider than the screen', async (by) => {
  const { gateway } = lab;
  await visit(by, { url: gateway.url, width: 390, colorScheme: 'dark' }, async (page) => {
    await logIn(page, gateway.url, await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' }));
    for (const path of ['/console', '/console/accounts/alice', '/console/accounts/alice/holds/message-1', '/console/accounts/alice/adjust', '/console/login']) {
      await page.goto(gateway.url + path);
      expect([path, await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')]).toEqual([path, true]);
    }
  });
});

browserTest('freeze and thaw, by keyboard alone', async (by) => {
  const fake = fakeConsole();
  const gateway = await fakeGateway({ console: fake.deps });
  const { url } = gateway;
  try {
    await visit(by, { url }, async (page) => {
      await logIn(page, url, await gateway.token({ sub: 'ops', role: 'admin' }));
      for (const name of ['Freeze', 'Thaw']) {
        await page.goto(`${url}/console/accounts/alice`);
        await page.getByRole('link', { name }).focus();
        await page.keyboard.press('Enter');
        await page.getByLabel('Why').focus();
        await page.keyboard.type('chargeback');
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: `${name} account?` }).waitFor();
        await page.getByRole('button', { name: `${name} account` }).focus();
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Done' }).waitFor();
        await page.goto(`${url}/console/accounts/alice`);
        expect(await page.getByText('Frozen.').count()).toBe(name === 'Freeze' ? 1 : 0);
      }
    });
    expect(fake.froze.map(({ what, actor, reason }) => [what, actor, reason])).toEqual([['freeze', 'ops', 'chargeback'], ['thaw', 'ops', 'chargeback']]);
  } finally {
    await gateway.stop();
  }
});
