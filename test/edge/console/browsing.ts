import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { browsing as browseWith, listen, SCREENSHOTS, type Browsing } from '../../support/browsing.js';
import type { TestGatewayOptions } from '../../support/gateway.js';
import { consoleLab, type Lab } from './lab.js';

/** A real browser for tests of the console. */
export const browsing = (options: TestGatewayOptions = {}): Browsing<Lab> => browseWith(() => consoleLab(options), (lab) => lab.stop());

type Look = {
  readonly url: string; readonly width?: number; readonly colorScheme?: 'light' | 'dark'; readonly zone?: string;
  /** What the browser may complain of: the loss of a server that the test stops, for example. */
  readonly allowed?: RegExp;
};

/** Runs `walk` in a fresh browser context. A blocked style, a script error or a request to another host fails the test. */
export async function visit(
  by: Browser, { url, width = 1_280, colorScheme = 'light', zone = 'UTC', allowed }: Look, walk: (page: Page) => Promise<void>,
): Promise<void> {
  const complaints: string[] = [];
  const context = await by.newContext({ viewport: { width, height: 860 }, colorScheme, timezoneId: zone });
  context.on('page', (page) => { listen(page, url, { levels: ['error', 'warning'], local: /^data:/ }, complaints); });
  await walk(await context.newPage());
  await context.close();
  expect(complaints.filter((text) => allowed?.test(text) !== true)).toEqual([]);
}

/** Whether pictures are taken: then a test waits until there is something to be seen in them. */
export const takesPictures = SCREENSHOTS !== undefined;

export async function shoot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await page.waitForLoadState();
  const window = page.viewportSize() ?? { width: 1_280, height: 860 };
  await page.setViewportSize({ ...window, height: 560 }); // a short page makes a short picture
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  await page.setViewportSize(window);
}

export async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/console`);
  expect(page.url()).toBe(`${url}/console/login`);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${url}/console`);
}

/** Waits until the condition holds, without a time limit of its own. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!await isSo()) await sleep(500); // each check renders a page
}
