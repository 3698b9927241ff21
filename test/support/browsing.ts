import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from './chromium.js';

/** `SCREENSHOTS=<folder>` stores screenshots there; `npm run screenshots` makes those of the docs. */
export const SCREENSHOTS = process.env['SCREENSHOTS'];

/** The first run of a machine downloads a browser. */
const TIMEOUT_MS = 700_000;

export type Browsing<Lab> = {
  readonly lab: () => Lab;
  readonly browserTest: (name: string, walk: (browser: Browser) => Promise<void>, timeoutMs?: number) => void;
};

/** What `open` opens, and a real browser, for the tests of a file. Without a browser they are skipped and print the reason. */
export function browsing<Lab>(open: () => Promise<Lab>, close: (lab: Lab) => Promise<void>): Browsing<Lab> {
  let lab: Lab | undefined;
  let browser: Browser | undefined;
  let missing = '';
  beforeAll(async () => {
    const found = await findChromium();
    if ('missing' in found) {
      ({ missing } = found);
      return;
    }
    if (SCREENSHOTS !== undefined) await mkdir(SCREENSHOTS, { recursive: true });
    lab = await open();
    browser = await launchChromium(found);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    if (lab !== undefined) await close(lab);
  });
  return {
    lab: () => {
      if (lab === undefined) throw new Error('the gateway is not started');
      return lab;
    },
    browserTest: (name, walk, timeoutMs) => {
      test(name, async () => {
        if (browser === undefined) process.stderr.write(`skipped: ${name}: ${missing}\n`);
        else await walk(browser);
      }, timeoutMs);
    },
  };
}

export type Complaining = {
  /** Messages of the browser's console that count. A blocked style or script is one of them. */
  readonly levels: readonly string[];
  /** Addresses beside the gateway's own that may be asked. */
  readonly local: RegExp;
};

/** Collects what a page complains of: messages of its console, script errors, and requests to another host than `url`. */
export function listen(page: Page, url: string, { levels, local }: Complaining, complaints: string[]): void {
  page.on('console', (message) => { if (levels.includes(message.type())) complaints.push(message.text()); });
  page.on('pageerror', (error) => { complaints.push(error.message); });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !local.test(request.url())) complaints.push(`asked ${request.url()}`);
  });
}
