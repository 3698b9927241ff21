import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { send } from '../../support/fake-gateway.js';
import { browsing, logIn, shoot, until, visit } from './browsing.js';
import { busyAccount, busyHouse, furnish } from './house.js';

/** Every page of the console in a real browser: with axe, in both colour schemes and on a phone; lists; parts that refresh themselves. */
const { lab: theLab, browserTest } = browsing({ environment: { WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'true' } });

const LISTS = [
  'accounts', 'holds', 'lots', 'refusals', 'limits', 'pools', 'prices', 'plans', 'features', 'keys', 'webhooks', 'webhooks/deliveries',
  'dead-letters',
] as const;
/** Lists with a picture in docs/console.md. */
const DOCUMENTED: readonly string[] = ['accounts', 'holds', 'prices'];
const PAGES = [
  '/console', ...LISTS.map((list) => `/console/${list}`), '/console/holds?state=open&account=nobody',
  '/console/prices?show=all&model=gpt-5',
  '/console/prices/import', '/console/accounts/alice', '/console/accounts/carol', '/console/accounts/alice/holds/message-1',
  '/console/accounts/alice/holds/message-2', '/console/accounts/alice/grant', '/console/accounts/alice/adjust',
  '/console/accounts/alice/freeze', '/console/accounts/alice/holds/message-2/settle', '/console/audit', '/console/session',
  '/console/session/end', '/console/runbook', '/console/accounts/nobody', '/console/find?who=nobody',
];

let token = '';
let webhook = '';
browserTest('a gateway in use', async () => {
  const lab = theLab();
  token = await lab.gateway.token({ sub: 'ops', role: 'admin', username: 'ops' });
  await Promise.all([busyAccount(lab), busyHouse(lab)]);
  webhook = await furnish(lab);
  const deliveries = async (): Promise<unknown[]> => {
    const { body } = await lab.api('root', 'GET', `/v1/webhooks/${webhook}/deliveries`, undefined, 'admin');
    return (body['data'] as { attempts: number }[]).filter(({ attempts }) => attempts > 0);
  };
  await until(async () => (await deliveries()).length > 0);
});

type Violation = { readonly id: string; readonly impact: string; readonly nodes: readonly { readonly target: readonly string[] }[] };

/** The source of axe, or null where it is not installed. */
async function axeSource(): Promise<string | null> {
  try {
    return await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  } catch {
    return null;
  }
}

/** The rules whose answer depends on colours and widths. The others are asked once, because the markup is the same. */
const OF_LOOKS = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size'];

async function problemsOf(page: Page, source: string, isFirstLook: boolean): Promise<string[]> {
  await page.evaluate(source);
  const { violations } = await page.evaluate<{ readonly violations: readonly Violation[] }>(`axe.run(${
    isFirstLook ? '' : JSON.stringify({ runOnly: OF_LOOKS })})`);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} ${target.join(' ')}`));
}

const PHONE = 390;
/** The captions of tables that must be scrolled sideways to be read. */
const CUT_TABLES = `[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.querySelector('caption')?.textContent + ' by ' + (each.scrollWidth - each.clientWidth) + ' px')`;

/** Pages of one test: all of them together would take minutes on a slow machine. */
const PER_TEST = 6;
const groups = Array.from({ length: Math.ceil(PAGES.length / PER_TEST) }, (_, index) =>
  PAGES.slice(index * PER_TEST, (index + 1) * PER_TEST));

for (const [name, look] of [
  ['in light colours', { width: 1_280, colorScheme: 'light' }], ['in dark colours', { width: 1_280, colorScheme: 'dark' }],
  ['at 390 px', { width: PHONE, colorScheme: 'light' }],
] as const) {
  for (const [index, pages] of groups.entries()) {
    browserTest(`axe finds nothing serious ${name}, and no page or table is wider than the screen: pages ${index + 1}`, async (by) => {
      const source = await axeSource();
      if (source === null) process.stderr.write('skipped: axe, because the package axe-core is not installed\n');
      const { url } = theLab().gateway;
      // A page that says 404 is a page too.
      await visit(by, { url, ...look, allowed: /404/ }, async (page) => {
        await logIn(page, url, token);
        const found: string[] = [];
        for (const path of pages) {
          await page.goto(url + path);
          if (!await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')) found.push(`${path}: too wide`);
          const cut = await page.evaluate<string[]>(CUT_TABLES);
          if (look.width > PHONE) found.push(...cut.map((caption) => `${path}: the table ${caption} is cut`));
          const problems = source === null ? [] : await problemsOf(page, source, name === 'in light colours');
          found.push(...problems.map((problem) => `${path}: ${problem}`));
        }
        expect(found).toEqual([]);
      });
    });
  }
}

browserTest('every list has rows, a figure and a CSV; pictures of those that the docs show', async (by) => {
  const { url } = theLab().gateway;
  await visit(by, { url }, async (page) => {
    await logIn(page, url, token);
    const cookies = await page.context().cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    for (const list of LISTS.filter((each) => each !== 'dead-letters')) {
      await page.goto(`${url}/console/${list}`);
      const rows = await page.locator('[data-live=rows] tbody tr').count();
      const { text, headers } = await send(`${url}/console/${list}.csv`, 'GET', { headers: { cookie } });
      expect([list, rows > 0, await page.locator('.card .value').count() > 1, headers.get('content-type')])
        .toEqual([list, true, true, 'text/csv; charset=utf-8; header=present']);
      expect([list, text.trimEnd().split('\r\n').length]).toEqual([list, await countOf(page, rows) + 1]);
      if (DOCUMENTED.includes(list)) {
        await page.goto(`${url}/console/${list}`);
        await shoot(page, `list-${list}`);
      }
    }
  });
});

/** The rows of all pages. */
async function countOf(page: Page, onFirst: number): Promise<number> {
  let sum = onFirst;
  const next = page.getByRole('link', { name: 'Next page' });
  while (await next.count() > 0) {
    await next.click();
    sum += await page.locator('[data-live=rows] tbody tr').count();
  }
  return sum;
}

browserTest('an account is found by the beginning of a name in any case and by a hold, and a list is filtered and sorted', async (by) => {
  const { url } = theLab().gateway;
  await visit(by, { url }, async (page) => {
    await logIn(page, url, token);
    for (const who of ['ALICE-N', 'Alice@exam', 'aLi', 'message-2']) {
      await page.getByRole('searchbox', { name: 'Find an account' }).fill(who);
      await page.getByRole('button', { name: 'Find' }).click();
      await page.waitForURL('**/console/accounts/alice');
    }
    await page.getByRole('link', { name: 'Holds', exact: true }).click();
    await page.getByLabel('State', { exact: true }).selectOption('open');
    await page.locator('#f-account').fill('alice');
    await page.getByRole('button', { name: 'Filter' }).click();
    const holds = page.locator('tbody tr');
    expect([await holds.count(), await page.locator('#f-state').inputValue()]).toEqual([2, 'open']);
    const reserved = page.getByRole('columnheader', { name: 'Reserved' });
    await reserved.getByRole('link').click();
    const order = async (): Promise<unknown[]> => [await reserved.getAttribute('aria-sort'), await holds.first().textContent()];
    expect(await order()).toEqual(['descending', expect.stringContaining('message-2')]);
    await reserved.getByRole('link').click();
    expect(await order()).toEqual(['ascending', expect.stringContaining('message-3')]);
    expect(page.url()).toContain('account=alice');
    await page.getByRole('link', { name: 'message-3' }).click();
    await page.getByRole('heading', { name: 'Hold message-3' }).waitFor();
  });
});

browserTest('parts refresh themselves without a reload, never while text is typed; times are told in UTC and local time', async (by) => {
  const { gateway, api } = theLab();
  const { url } = gateway;
  await visit(by, { url, zone: 'Asia/Kolkata' }, async (page) => {
    await logIn(page, url, token);
    await page.clock.install();
    await page.goto(`${url}/console/accounts/erin`);
    expect(await page.locator('time').first().textContent())
      .toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+05:30$/);
    await page.evaluate('window.isTheSame = true');
    const available = page.locator('.card').filter({ hasText: 'can be spent now' }).locator('.value');
    const before = await available.textContent();
    const search = page.getByRole('searchbox');
    await search.fill('half a na');
    await api('root', 'POST', '/api/credits/allocate', { userId: 'erin', credits: 1_000 }, 'admin');
    // While the field has the focus nothing is asked for.
    const asked: string[] = [];
    page.on('request', (request) => { asked.push(request.url()); });
    await page.clock.runFor(60_000);
    expect([await search.inputValue(), await available.textContent(), asked]).toEqual(['half a na', before, []]);
    await search.blur();
    await until(async () => {
      await page.clock.runFor(10_000);
      return await available.textContent() !== before;
    });
    expect([await available.textContent(), await search.inputValue()]).toEqual([expect.stringContaining('1,00'), 'half a na']);
    expect(await page.evaluate('window.isTheSame')).toBe(true);

    // Its session ends: the page says so.
    await page.context().clearCookies();
    const ended = page.getByText('Your session has ended, so this page is not up to date.');
    await until(async () => {
      await page.clock.runFor(10_000);
      return ended.isVisible();
    });
  });
});

browserTest('the preview of an import shows what would change and writes nothing', async (by) => {
  const { url } = theLab().gateway;
  await visit(by, { url, allowed: /400/ }, async (page) => {
    await logIn(page, url, token);
    await page.goto(`${url}/console/prices`);
    await page.getByRole('link', { name: 'Preview an import' }).click();
    const preview = async (map: string): Promise<string> => {
      await page.getByLabel('Price map').fill(map);
      await page.getByRole('button', { name: 'Preview', exact: true }).click();
      await page.waitForLoadState();
      return await page.getByRole('main').textContent() ?? '';
    };
    expect(await preview('{ no JSON')).toContain('This is no price map: the file is not JSON');
    const told = await preview(JSON.stringify({
      'gpt-5': { litellm_provider: 'openai', input_cost_per_token: 0.000002, output_cost_per_token: 0.00001 },
      'new-one': { litellm_provider: 'openai', input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 },
    }));
    expect(told).toMatch(/new-one.*new/s);
    await shoot(page, 'import');
    await page.goto(`${url}/console/prices?model=new-one&show=all`);
    expect(await page.getByText('Nothing matches these filters.').count()).toBe(1);
  });
});

browserTest('a delivery is sent again, with a reason', async (by) => {
  const { url } = theLab().gateway;
  await visit(by, { url }, async (page) => {
    await logIn(page, url, token);
    await page.goto(`${url}/console/webhooks`);
    await page.getByRole('link', { name: 'deliveries' }).click();
    await page.getByRole('link', { name: 'resend' }).click();
    await page.getByLabel('Why').fill('the receiver is back');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Resend delivery' }).click();
    expect(await page.getByRole('note').textContent()).toContain('The event is sent again.');
    await page.goto(`${url}/console/audit`);
    expect(await page.getByRole('table').textContent()).toContain('the receiver is back');
  });
});
