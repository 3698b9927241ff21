import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { browsing, listen, SCREENSHOTS } from '../../support/browsing.js';
import { startGateway } from '../../support/gateway.js';

/** `/docs` in a real browser: the page shows, the search finds, a route is tried against this very gateway. */
const PATIENCE_MS = 60_000;

const { lab: theGateway, browserTest } = browsing(() => startGateway({}), (gateway) => gateway.stop());

/** Opens the page. A script that is refused, an error of one, or a request to another host is a complaint. */
async function open(by: Browser, path: string): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const complaints: string[] = [];
  const page = await (await by.newContext({ viewport: { width: 1_400, height: 900 } })).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  listen(page, theGateway().url, { levels: ['error'], local: /^(data|blob):/ }, complaints);
  await page.goto(theGateway().url + path);
  return { page, complaints };
}

browserTest('the page shows the API, finds an operation, and sends a request to this gateway', async (browser) => {
  const gateway = theGateway();
  const { page, complaints } = await open(browser, '/docs');
  await page.getByRole('heading', { name: 'credit-gateway', level: 1 }).waitFor();
  await page.getByText('Native API, /v1').first().waitFor();

  await page.getByRole('search').click();
  await page.getByRole('combobox', { name: 'Enter search query' }).fill('balance now or in the past');
  await page.getByRole('option', { name: /The balance of an account/ }).first().click();
  await page.getByRole('heading', { name: /The balance of an account/ }).waitFor();
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, 'docs.png') });
  await page.getByRole('button', { name: /Shell Curl/ }).first().click();
  await page.getByRole('option', { name: 'Curl' }).waitFor();
  expect(await page.getByRole('option').allTextContents()).toEqual(['TypeScript', 'Requests', 'Curl']);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: /Test Request.*\/balance\)/ }).click();
  const dialog = page.getByRole('dialog', { name: 'API Client' });
  await dialog.getByPlaceholder('Token').fill(await gateway.token({ sub: 'alice' }));
  const sent = page.waitForResponse((response) => response.url().startsWith(`${gateway.url}/v1/accounts/alice/balance`));
  await dialog.getByRole('button', { name: /^Send/ }).first().click();
  const answer = await sent;
  expect([answer.status(), await answer.json()]).toEqual([200, expect.objectContaining({ account: 'alice', available: '0' })]);
  await dialog.getByText('200 OK').waitFor();
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, 'docs-try.png') });
  expect(complaints).toEqual([]);
  await page.context().close();
}, 180_000);
