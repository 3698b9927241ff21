import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { demo } from '../../examples/chat-proxy/demo.js';
import { PRICES } from '../../examples/chat-proxy/setup.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import { until } from '../chaos/lab.js';
import { browsing, listen, SCREENSHOTS } from '../support/browsing.js';
import { MODEL, openChatLab } from './chat-lab.js';

/**
 * The page of the chat in a real browser: credits go down while an answer streams, and the last one cuts it.
 * `npm run screenshots` stores its pictures in docs/images, and with ffmpeg the animated one of the README.
 */
const FOLDER = SCREENSHOTS;
const isFilmed = FOLDER !== undefined;
/** Tokens per second: as slow as the demo for the pictures. */
const RATE = isFilmed ? 40 : 150;
const KEY = 'key-of-user-1';
const FRAMES_PER_SECOND = 8;

const { lab: theLab, browserTest } = browsing(async () => {
  const lab = await openChatLab({
    prices: PRICES, proxy: ({ credits, accounts }) => demo({ credits, accounts, key: KEY, model: MODEL, refill: '12' }),
  });
  lab.behave({ rate: RATE });
  return lab;
}, (lab) => lab.close());

type Look = { readonly width: number; readonly height: number; readonly colorScheme: 'light' | 'dark' };

/** A fresh window. A blocked style, a script error, a request to another host or a sideways scroll fails the test. */
async function visit(by: Browser, { width, height, colorScheme }: Look, walk: (page: Page) => Promise<void>): Promise<void> {
  const complaints: string[] = [];
  const context = await by.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  listen(page, theLab().proxy.url, { levels: ['error', 'warning'], local: /^data:/ }, complaints);
  await page.goto(theLab().proxy.url);
  await walk(page);
  expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
  await context.close();
  // Chromium reports the 402 that is asked for here.
  expect(complaints.filter((complaint) => !complaint.includes('402'))).toEqual([]);
}

const shoot = async (page: Page, name: string): Promise<void> => { if (isFilmed) await page.screenshot({ path: join(FOLDER,
  `${name}.png`) }); };
/** Keeps each balance that the page shows in `window.balances`: a slow test would miss some. */
const KEEP_BALANCES = `{
  const shown = document.getElementById('balance');
  window.balances = [Number(shown.textContent)];
  new MutationObserver(() => window.balances.push(Number(shown.textContent)))
    .observe(shown, { childList: true, characterData: true, subtree: true });
}`;
const balance = async (page: Page): Promise<number> => Number(await page.locator('#balance').textContent());
const streaming = (page: Page, tokens: number): Promise<void> => until(`${tokens} tokens`, async () =>
  Number(/Streaming: (\d+)/.exec(await page.locator('#status').textContent() ?? '')?.[1] ?? 0) >= tokens);
const receipts = (page: Page, count: number): Promise<void> => page.locator('.receipt').nth(count - 1).waitFor();

/** Takes pictures until it is stopped, and makes one of them that moves. */
function film(page: Page): () => Promise<void> {
  if (!isFilmed) return () => Promise.resolve();
  const over = new AbortController();
  const frames = (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-film-'));
    const startedAt = performance.now();
    for (let frame = 0; !over.signal.aborted; frame += 1) {
      await sleep(Math.max(0, startedAt + (frame * 1_000) / FRAMES_PER_SECOND - performance.now()));
      await page.screenshot({ path: join(folder, `${String(frame).padStart(4, '0')}.png`) });
    }
    return folder;
  })();
  return async () => {
    over.abort();
    const folder = await frames;
    const made = await runCommand('ffmpeg', [
      '-y', '-loglevel', 'error', '-framerate', String(FRAMES_PER_SECOND), '-i', join(folder, '%04d.png'), '-loop', '0', '-quality', '55',
      '-compression_level', '6', join(FOLDER, 'chat.webp'),
    ], { timeoutMs: 120_000 });
    if (!made.ok) process.stderr.write(`no animated picture: ${made.problem}\n`);
    await rm(folder, { recursive: true });
  };
}

browserTest('credits go down while the answer streams; the last one cuts it; more can be added', async (browser) => {
  const lab = theLab();
  const { account } = await lab.user('12');
  await visit(browser, { width: 760, height: 560, colorScheme: 'light' }, async (page) => {
    const stop = film(page);
    await until('12 credits', async () => await balance(page) === 12);
    await page.evaluate(KEEP_BALANCES);
    if (isFilmed) await sleep(1_000);
    await page.getByRole('button', { name: 'How is this message paid for?' }).click();
    await until('fewer credits', async () => await balance(page) < 12);
    await receipts(page, 1);
    const shown = new Set(await page.evaluate<number[]>('window.balances'));
    expect(shown.size).toBeGreaterThan(2); // before, after, and at least once in between
    expect(await balance(page)).toBeCloseTo(Number(await lab.available(account)), 2);
    if (isFilmed) await sleep(1_500);

    await page.getByLabel('Message').fill('Tell me a long story');
    await page.keyboard.press('Enter');
    await page.getByText('Cut at the last credit.').waitFor();
    if (isFilmed) await sleep(2_500);
    await stop();
    await shoot(page, 'chat-cut');
    expect(await balance(page)).toBeLessThan(0.05);
    expect(Number(await lab.available(account))).toBeGreaterThanOrEqual(0);

    await page.getByLabel('Message').fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText(/^This message needs at least/).waitFor();
    await page.getByRole('button', { name: 'Add 12 credits' }).click();
    await until('more credits', async () => await balance(page) > 11);
  });

  // On a phone, in the dark, and stopped by its reader: what was read is charged.
  await visit(browser, { width: 390, height: 780, colorScheme: 'dark' }, async (page) => {
    await until('12 credits', async () => await balance(page) > 11);
    await page.getByRole('button', { name: 'A long story, until the last credit' }).click();
    await streaming(page, 60);
    await shoot(page, 'chat-phone-streaming');
    await page.getByRole('button', { name: 'Stop' }).click();
    await receipts(page, 1);
    expect(await page.locator('.receipt').textContent()).toMatch(/^\d\.\d\d credits charged\d+ tokens\d+\.\d\d of 12\.\d\d returned$/);
    expect(await balance(page)).toBeCloseTo(Number(await lab.available(account)), 2);
  });
}, 600_000);
