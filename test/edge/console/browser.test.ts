import { expect } from '@jest/globals';
import { keyspace } from '../../../src/ledger/keys.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { send } from '../../support/fake-gateway.js';
import { rawRedis } from '../../support/redis-address.js';
import { redisUrl, throwawayPostgres, throwawayRedis } from '../../support/servers.js';
import { browsing, logIn, shoot, takesPictures, until, visit } from './browsing.js';
import { busyAccount, busyHouse } from './house.js';
import { consoleLab, freshName } from './lab.js';

/** The console in a real browser: log in, find an account, void a hold, grant credits, open the queues. */
const { lab: theLab, browserTest } = browsing();

browserTest('an operator finds an account, voids a hold, grants credits and opens the queues', async (by) => {
  const lab = theLab();
  const { gateway } = lab;
  const { url } = gateway;
  await Promise.all([busyAccount(lab), busyHouse(lab)]);
  const token = await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' });
  await visit(by, { url }, async (page) => {
    await logIn(page, url, token);
    expect(await page.getByRole('list', { name: 'State at a glance' }).textContent()).toContain('Redis: up');
    await until(async () => {
      await page.goto(`${url}/console`);
      const told = await page.getByRole('main').textContent() ?? '';
      return told.includes('erin16a check answered no, insufficient credits')
        && ['gpt-4', 'amazon.nova-lite-v1:0', 'anthropic.claude-3-sonnet-20240229-v1:0', 'unknown'].every((model) => told.includes(model));
    });
    if (takesPictures) {
      // The lines of the last hour have a few points then.
      await until(async () => (await page.locator('.chart .line').first().getAttribute('d') ?? '').split('L').length > 5);
      await page.reload();
    }
    await shoot(page, 'overview');

    await page.getByRole('searchbox').fill('alice');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL(`${url}/console/accounts/alice`);
    expect(await page.getByRole('table', { name: 'Lots' }).textContent()).toContain('95.25');

    await page.getByRole('table', { name: 'Open holds' }).getByRole('link', { name: 'message-2' }).click();
    await page.getByRole('link', { name: 'Void' }).click();
    await page.getByLabel('Why').fill('the proxy died; <b>ticket</b> 4711');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Void hold?' }).waitFor();
    await page.getByRole('button', { name: 'Void hold' }).click();
    await page.getByRole('link', { name: 'Back' }).click();
    expect(await page.locator('.life').textContent()).toContain('by ops: the proxy died; <b>ticket</b> 4711');
    await shoot(page, 'hold');

    await page.goto(`${url}/console/accounts/alice`);
    await page.getByRole('link', { name: 'Grant credits' }).click();
    await page.getByRole('textbox', { name: 'Credits' }).fill('7.5');
    await page.getByLabel('Why').fill('goodwill');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Grant credits' }).click();
    expect(await page.getByRole('note').textContent()).toContain('7.5 credits granted');
    await page.reload(); // sends the same form again
    expect(await page.getByRole('note').textContent()).toContain('already applied before');

    await page.getByRole('link', { name: 'Queues' }).click();
    await page.getByText('0 Jobs').first().waitFor();
    await shoot(page, 'queues');

    await page.goto(`${url}/console`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL(`${url}/console/login`);
    await page.goto(`${url}/console/accounts/alice`);
    expect(page.url()).toContain('/console/login?next=');
  });
});

browserTest('on a phone in dark mode: no page is wider than the screen', async (by) => {
  const { gateway } = theLab();
  await visit(by, { url: gateway.url, width: 390, colorScheme: 'dark' }, async (page) => {
    await logIn(page, gateway.url, await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' }));
    for (const path of [
      '/console', '/console/accounts/alice', '/console/accounts/erin', '/console/accounts/alice/holds/message-1',
      '/console/accounts/alice/adjust', '/console/login',
    ]) {
      await page.goto(gateway.url + path);
      expect([path, await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')]).toEqual([path, true]);
      if (path === '/console') await shoot(page, 'phone');
    }
  });
});

browserTest('freeze and thaw an account by keyboard only; the page shows why requests were refused', async (by) => {
  const { gateway, api } = theLab();
  const { url } = gateway;
  const sub = 'mallory';
  await api('root', 'POST', '/api/credits/allocate', { userId: sub, credits: 20, notes: 'welcome' }, 'admin');
  for (const [index, tokens] of [500, 900, 9_000].entries()) await api(sub, 'POST', '/api/streaming-sessions/initialize', {
    sessionId: `answer-${index + 1}`, modelId: 'gpt-4', estimatedTokens: tokens,
  });
  const spend = async (): Promise<number> => (await api(sub, 'POST', '/api/credits/deduct', { credits: 1 })).status;
  const home = `${url}/console/accounts/${sub}`;
  await visit(by, { url }, async (page) => {
    await logIn(page, url, await gateway.token({ sub: 'ops', role: 'admin', username: 'ops' }));
    expect(await spend()).toBe(200);
    for (const [name, reason, answer] of [['Freeze', 'chargeback 17', 423], ['Thaw', 'paid after all', 200]] as const) {
      await page.goto(home);
      await page.getByRole('link', { name }).focus();
      await page.keyboard.press('Enter');
      await page.getByLabel('Why').focus();
      await page.keyboard.type(reason);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: `${name} account?` }).waitFor();
      if (name === 'Freeze') await shoot(page, 'confirm');
      await page.getByRole('button', { name: `${name} account` }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Done' }).waitFor();
      expect([name, await spend()]).toEqual([name, answer]);
      await page.goto(home);
      expect(await page.getByText('Frozen.').count()).toBe(name === 'Freeze' ? 1 : 0);
      if (name === 'Freeze') expect(await page.getByRole('note').textContent()).toMatch(/by ops, \d{4}-.*UTC.*: chargeback 17/);
      if (name === 'Freeze') {
        await until(async () => {
          await page.goto(home);
          return /account frozen.*by ops: chargeback 17/.test(await page.getByRole('main').textContent() ?? '');
        });
        await shoot(page, 'account');
      }
      expect(await page.getByRole('table', { name: 'Ledger entries' }).textContent()).toContain(`ops · ${reason}`);
    }
  });
});

browserTest('“why was this user refused at 03:12?”', async (by) => {
  const { gateway, api } = theLab();
  const { url } = gateway;
  const sub = freshName('late');
  await api('root', 'POST', '/api/credits/allocate', { userId: sub, credits: 3 }, 'admin');
  const token = await gateway.token({ sub });
  const asked: string[] = [];
  for (let turn = 1; turn <= 3; turn += 1) {
    const { status, headers } = await send(`${url}/api/streaming-sessions/initialize`, 'POST', {
      token, body: { sessionId: `late-${turn}`, modelId: 'gpt-4', estimatedTokens: 10_000 },
      headers: { 'x-request-id': `${sub}-${turn}` },
    });
    asked.push(headers.get('date') ?? '');
    expect(status).toBe(402);
  }
  const minute = new Date(asked[0] ?? '').toISOString().slice(0, 16);
  await visit(by, { url }, async (page) => {
    await logIn(page, url, await gateway.token({ sub: 'ops', role: 'admin' }));
    await page.goto(`${url}/console/accounts/${sub}`);
    const refusals = page.getByRole('table', { name: 'Refusals' });
    const lookAt = async (moment: string): Promise<void> => {
      await page.getByLabel('Show refusals around').fill(moment);
      await page.getByRole('button', { name: 'Show' }).click();
      await page.waitForURL(`**?at=*${moment.slice(-2)}#refusals`);
    };
    await lookAt(minute);
    await until(async () => {
      if ((await refusals.count()) === 0 || !(await refusals.textContent() ?? '').includes(`${sub}-3`)) await page.reload();
      return (await refusals.count()) > 0 && (await refusals.textContent() ?? '').includes(`${sub}-3`);
    });
    const told = await refusals.textContent() ?? '';
    for (const part of [
      minute.replace('T', ' '), 'insufficient credits',
      '402: Insufficient credits for streaming session; body.estimatedTokens: 60 credits needed, 3 available',
      'POST /api/streaming-sessions/initialize',
    ]) expect(told).toContain(part);
    await lookAt(new Date(Date.parse(`${minute}:00Z`) - 3_600_000).toISOString().slice(0, 16));
    expect([await refusals.count(), await page.getByText('No refusals around that minute.').count()]).toEqual([0, 1]);

    // The overview lists the account, too.
    const link = page.getByRole('table', { name: 'Accounts, most refused first' }).getByRole('link', { name: sub });
    await until(async () => {
      await page.goto(`${url}/console`);
      return await link.count() > 0;
    });
    await link.click();
    await page.waitForURL(`**/console/accounts/${sub}#refusals`);
  });
});

browserTest('a difference between Redis and Postgres is shown, compared and gone after its repair', async (by) => {
  const { gateway, api } = theLab();
  const { url } = gateway;
  const sub = freshName('drift');
  await api('root', 'POST', '/api/credits/allocate', { userId: sub, credits: 12 }, 'admin');
  const redis = rawRedis(redisUrl());
  const miscount = (micros: number): Promise<number> =>
    redis.hincrby(keyspace(gateway.redisNamespace, 8).account(sub, 1).account, 'available', micros);
  try {
    await visit(by, { url }, async (page) => {
      await logIn(page, url, await gateway.token({ sub: 'ops', role: 'admin' }));
      const compare = async (): Promise<string> => {
        await page.goto(`${url}/console/accounts/${sub}`);
        await page.getByRole('button', { name: 'Compare Redis and Postgres' }).click();
        await page.getByRole('heading', { name: 'Redis and Postgres' }).waitFor();
        return await page.getByRole('main').textContent() ?? '';
      };
      expect(await compare()).toMatch(/at entry 1\.[^]*They agree[^]*Values in both[^]*12/);
      await miscount(7);
      const differs = await compare();
      for (const part of ['They differ', 'balance', 'available 12000000', 'available 12000007']) expect(differs).toContain(part);
      // Pages share one read for two seconds.
      const findings = page.getByRole('table', { name: 'Differences' });
      await until(async () => {
        await page.goto(`${url}/console`);
        return (await findings.count()) > 0;
      });
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toContain('Drift');
      expect(await findings.textContent()).toContain('available 12000007');
      await findings.getByRole('link', { name: sub }).click();
      expect(await page.getByRole('note').textContent()).toContain('Redis and Postgres differ.');
      await miscount(-7);
      expect(await compare()).toContain('They agree');
    });
  } finally {
    redis.disconnect();
  }
});

browserTest('while Postgres is down the overview shows the growing journal', async (by) => {
  const [redis, postgres] = await Promise.all([throwawayRedis(), throwawayPostgres()]);
  await migrate(postgres.ownerUrl);
  const alone = await consoleLab({ redisUrl: redis.url, databaseUrl: postgres.url, environment: { POSTGRES_TIMEOUT_MS: '1000' } });
  const { gateway, api } = alone;
  const { url } = gateway;
  try {
    await api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 50 }, 'admin');
    await visit(by, { url }, async (page) => {
      await logIn(page, url, await gateway.token({ sub: 'ops', role: 'admin' }));
      const card = (title: string) => page.locator('.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
      const shows = (title: string, what: RegExp): Promise<void> => until(async () => {
        await page.goto(`${url}/console`);
        return what.test(await card(title).textContent() ?? '');
      });
      await shows('Journal', /up to date/);
      await postgres.stop();
      const placed = await api('alice', 'POST', '/api/streaming-sessions/initialize', {
        sessionId: 'answer-1', modelId: 'gpt-4', estimatedTokens: 1_000,
      });
      expect(placed.status).toBe(201);
      await shows('Journal', /behind1 entry waits/);
      await shoot(page, 'away');
      expect(await card('Postgres').textContent()).toContain('down');
      expect(await page.getByText('could not be read. The other values are current.').count()).toBe(1);
      await api('alice', 'POST', '/api/streaming-sessions/finalize', { sessionId: 'answer-1', actualTokens: 500 });
      await shows('Journal', /behind2 entries wait/);
      // The page of the account is read from Redis.
      await page.goto(`${url}/console/accounts/alice`);
      expect(await page.locator('.cards').textContent()).toMatch(/Available47/);
    });
  } finally {
    await alone.stop();
    await Promise.all([redis.discard(), postgres.discard()]);
  }
});
