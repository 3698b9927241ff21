import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../../support/chromium.js';
import type { TestGatewayOptions } from '../../support/gateway.js';
import { consoleLab, type Lab } from './lab.js';

/**
 * A real browser for tests of the console. `SCREENSHOTS=<folder>` stores screenshots there; `npm run screenshots` makes those of
 * the docs.
 */
const FOLDER = process.env['SCREENSHOTS'];

/** A gateway and a browser for the tests of a file. Without a browser they are skipped and print the reason. */
export function browsing(options: TestGatewayOptions = {}): {
  readonly lab: () => Lab;
  readonly browserTest: (name: string, walk: (browser: Browser) => Promise<void>) => void;
} {
  let lab: Lab | undefined;
  let browser: Browser | undefined;
  let missing = '';
  beforeAll(async () => {
    const found = await findChromium();
    if ('missing' in found) {
      ({ missing } = found);
      return;
    }
    if (FOLDER !== undefined) await mkdir(FOLDER, { recursive: true });
    lab = await consoleLab(options);
    browser = await launchChromium(found);
  }, 700_000);
  afterAll(async () => {
    await browser?.close();
    await lab?.stop();
  });
  return {
    lab: () => {
      if (lab === undefined) throw new Error('the gateway is not started');
      return lab;
    },
    browserTest: (name, walk) => {
      test(name, async () => {
        if (browser === undefined) process.stderr.write(`skipped: ${name}: ${missing}\n`);
        else await walk(browser);
      });
    },
  };
}

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
  context.on('page', (page) => {
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => { complaints.push(error.message); });
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`);
    });
  });
  await walk(await context.newPage());
  await context.close();
  expect(complaints.filter((text) => allowed?.test(text) !== true)).toEqual([]);
}

/** Whether pictures are taken: then a test waits until there is something to be seen in them. */
export const takesPictures = FOLDER !== undefined;

export async function shoot(page: Page, name: string): Promise<void> {
  if (FOLDER === undefined) return;
  await page.waitForLoadState();
  const window = page.viewportSize() ?? { width: 1_280, height: 860 };
  await page.setViewportSize({ ...window, height: 560 }); // a short page makes a short picture
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
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
