import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../../chaos/lab.js';
import { wholeDocument } from '../../support/documents.js';
import { send } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

const TOKEN = 'a-token-that-only-this-test-uses';

describe('without a token', () => {
  let gateway: TestGateway;
  beforeAll(async () => { gateway = await startGateway({ metricsFreshMs: 1_000 }); });
  afterAll(async () => { await gateway.stop(); });

  test('the main port tells in one word whether it is ready, and has no metrics', async () => {
    for (const token of [undefined, await gateway.token({ sub: 'root', role: 'admin' })]) {
      const call = (path: string) => send(gateway.url + path, 'GET', token === undefined ? {} : { token });
      expect([(await call('/metrics')).status, (await call('/livez')).status]).toEqual([404, 200]);
      expect((await call('/readyz')).body).toEqual({ status: expect.stringMatching(/^(ok|degraded)$/) });
    }
  });

  test('the port of operations has metrics and the checks, and no API', async () => {
    const call = (path: string) => send(gateway.operationsUrl + path, 'GET');
    // Scrapers share a text for a second.
    await until('requests are counted', async () => (await call('/metrics')).text.includes('cg_http_request_duration_seconds_count'));
    expect((await call('/readyz')).body).toMatchObject({ checks: { postgres: { ok: true }, ledger: { ok: true } } });
    for (const path of ['/v1/entries', '/api/credits/balance', '/console', '/docs']) expect((await call(path)).status).toBe(404);
  });

  test('twenty scrapers leave a caller its answers', async () => {
    const alice = await gateway.token({ sub: 'alice' });
    const admin = await gateway.token({ sub: 'root', role: 'admin' });
    // Everything is asked for once, so that there is something to scrape.
    const { paths } = await wholeDocument(gateway.url);
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        for (const token of [admin, alice]) {
          const body = method === 'get' ? {} : { body: {} };
          await send(gateway.url + path.replaceAll(/\{\w+\}/g, '1'), method.toUpperCase(), { token, ...body });
        }
      }
    }
    const balance = async (): Promise<number> => {
      const times: number[] = [];
      for (let call = 0; call < 60; call += 1) {
        const startedMs = performance.now();
        expect((await send(`${gateway.url}/api/credits/balance`, 'GET', { token: alice })).status).toBe(200);
        times.push(performance.now() - startedMs);
      }
      return times.sort((a, b) => a - b)[30] ?? 0;
    };
    await balance();
    const alone = await balance();
    const scrapers = startScrapers(20, [`${gateway.url}/metrics`, `${gateway.operationsUrl}/metrics`]);
    await once(scrapers.stdout ?? scrapers, 'data'); // each has had an answer
    const among = await balance();
    scrapers.kill('SIGKILL');
    await once(scrapers, 'exit');
    process.stderr.write(`balance: ${alone.toFixed(1)} ms alone, ${among.toFixed(1)} ms among 20 scrapers\n`);
    // A thousand times slower when every scraper cost a text of its own. The rest is two processes on one machine.
    expect(among / alone).toBeLessThan(15);
  });
});

/** Scrapers in a process of their own, each asking again half a second after an answer, ten times as often as Prometheus. */
function startScrapers(count: number, urls: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', `
    const urls = ${JSON.stringify(urls)};
    let answered = 0;
    await Promise.all(Array.from({ length: ${count} }, async (_, index) => {
      for (;;) {
        await (await fetch(urls[index % urls.length])).arrayBuffer();
        answered += 1;
        if (answered === ${count}) console.log('all');
        await new Promise((resolve) => { setTimeout(resolve, 500); });
      }
    }));
  `], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('with a token: either port, for it alone', async () => {
  const gateway = await startGateway({ environment: { OPERATIONS_TOKEN: TOKEN } });
  try {
    for (const url of [gateway.url, gateway.operationsUrl]) {
      const call = async (path: string, authorization?: string) => {
        const answer = await fetch(url + path, authorization === undefined ? {} : { headers: { authorization } });
        return { status: answer.status, text: await answer.text() };
      };
      expect((await call('/metrics', `Bearer ${TOKEN}`)).text).toContain('cg_build_info');
      expect((await call('/readyz', `Bearer ${TOKEN}`)).text).toContain('postgres');
      const administrator = await gateway.token({ sub: 'root', role: 'admin' });
      for (const wrong of [undefined, TOKEN, `Bearer ${TOKEN}x`, 'Bearer ', `Bearer ${administrator}`]) {
        expect((await call('/metrics', wrong)).status).toBe(401);
        expect((await call('/readyz', wrong)).text).not.toContain('postgres');
      }
      expect((await call('/livez')).status).toBe(200);
    }
  } finally {
    await gateway.stop();
  }
});
