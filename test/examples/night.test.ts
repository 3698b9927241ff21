import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { liveARound, type Story } from '../../examples/night/night.js';
import { nightClient } from '../../examples/night/night-client.js';
import { openStage, type Stage } from '../../examples/night/stage.js';
import { logIn } from '../edge/console/lab.js';

/** `npm run night`, one round of it, with shorter faults: what a reader is told to look up must be there. */

const LEASE_SECONDS = 5;
/** A round takes 20 s on a machine that is idle. */
const OVER_MS = 600_000;

let stage: Stage;
let cookie: string | undefined;
beforeAll(async () => { stage = await openStage(LEASE_SECONDS); });
afterAll(async () => { await stage.close(); });

/** A page of the console as an administrator sees it. */
async function page(path: string): Promise<string> {
  cookie ??= await logIn(stage.url, await stage.token({ sub: 'maria', role: 'admin' }));
  return (await fetch(stage.url + path, { headers: { cookie } })).text();
}

test('a round of the night: every situation happens, and the console tells of it', async () => {
  const { url, workerPort, token, faults } = stage;
  const lines: string[] = [];
  let overview = '';
  await stage.startLoad();
  const story: Story = await liveARound({
    client: nightClient(url), url, workerPort, token, faults, say: (line) => { lines.push(line); }, over: AbortSignal.timeout(OVER_MS),
    duringOutage: async () => { overview = await page('/console'); }, // the first request for the page
  }, 1, { faultMs: 3_000, calmMs: 300 });

  expect(story).toEqual({
    refusedAt: expect.any(String), lagSeconds: expect.any(Number), lagSecondsAfter: expect.any(Number), openDrift: 0,
    frankEndedBy: 'expire_hold',
  });
  expect(story.lagSeconds).toBeGreaterThan(story.lagSecondsAfter);
  expect(overview).toContain('Postgres: down');
  expect(overview).toMatch(/Journal: \d+ (s|min) behind/);
  const carol = await page(`/console/accounts/carol?at=${story.refusedAt}`);
  expect(carol).toContain('insufficient credits');
  expect(carol).toContain('600 credits');
  expect(await page('/console/accounts/frank')).toContain('chargeback under review');
  expect(lines.filter((line) => line.includes(url)).length).toBeGreaterThan(5);
}, OVER_MS);
