import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { until } from '../../test/chaos/lab.js';
import type { GatewayProcesses } from '../../test/support/processes.js';
import { randomOf } from '../../test/support/random.js';
import { startFakeUpstream, type Behaviour, type Delivery } from './fake-upstream.js';

/** Streams at once through two proxies, with callers who leave, a provider that fails, and kills. */

export type SoakOptions = { readonly streams: number; readonly seed: number };

/** What was charged for a stream, beside what the provider delivered for it. In tokens. */
export type Line = {
  readonly id: string; readonly state: string; readonly reason: string | null; readonly onExpiry: string;
  readonly delivered: number; readonly charged: number;
  /** What the proxy had reported to the gateway, and whether the provider told its own usage at the end. */
  readonly reported: number; readonly isTold: boolean;
};
export type SoakResult = {
  readonly lines: readonly Line[];
  /** Tokens that the provider delivered for no hold at all. */
  readonly withoutHold: number;
  readonly openHolds: number;
  readonly refused: number;
  readonly fates: Readonly<Record<string, number>>;
};

export const MODEL = 'soak';
/** A credit for each token of output, and a thousandth for each of input: what was charged says how many tokens of output it was for. */
const PRICES = { input: '1000', output: '1000000' };
const ACCOUNTS = 10;
const RATE = 25;
const TOKENS_MIN = 50;
const TOKENS_MAX = 250;
const LEASE_SECONDS = 5;
const QUIET_MS = 2_000;

type Fate = 'reads all' | 'leaves' | 'provider breaks off' | 'provider sends an error' | 'provider tells no usage';
const FATES: readonly Fate[] = ['reads all', 'leaves', 'provider breaks off', 'provider sends an error', 'provider tells no usage'];

/** Where the streams of a run go. */
type Stage = {
  readonly proxies: readonly Proxy[];
  readonly accounts: readonly string[];
  readonly random: ReturnType<typeof randomOf>;
  readonly fates: Record<string, number>;
};

/** Runs the streams, kills a proxy and the API process among them, and waits until every hold has ended. */
export async function runSoak(
  { streams, seed }: SoakOptions, processes: GatewayProcesses, say: (line: string) => void,
): Promise<SoakResult> {
  const credits = new CreditGateway({ baseUrl: processes.url(), apiKey: () => processes.token({ sub: 'root', role: 'admin' }) });
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `soak-${index}`);
  const upstream = await startFakeUpstream({
    models: [MODEL], behave: behaviourOf,
  });
  const environment = {
    PATH: process.env['PATH'], GATEWAY: processes.url(), KEY: await setUp(credits, accounts, streams), UPSTREAM_URL: upstream.url,
    ACCOUNTS: accounts.join(','), LEASE_SECONDS: String(LEASE_SECONDS),
  };
  const proxies = [await startProxy(environment), await startProxy(environment)];
  const stage: Stage = { proxies, accounts, random: randomOf(seed), fates: {} };

  say(`${streams} streams through two proxies`);
  const running = Promise.all(Array.from({ length: streams }, async (_, index) => {
    await sleep(stage.random.integer(0, QUIET_MS));
    return oneStream(stage, index);
  }));
  await until('most streams run', () => upstream.deliveries.length >= streams / 2);
  await sleep(QUIET_MS);
  say('kill -9 of one proxy');
  await proxies[0]?.kill();
  say('kill -9 of the API process; it starts again two seconds later');
  await processes.api.kill('SIGKILL');
  await sleep(QUIET_MS);
  await processes.api.start();
  const refused = (await running).filter((ended) => ended === 'refused').length;

  say('waiting until every hold has ended ...');
  await until('no hold is open', async () => await openHolds(credits, accounts) === 0);
  const lines = (await Promise.all(accounts.map((account) => linesOf(credits, account, upstream.deliveries)))).flat();
  const held = new Set(lines.map(({ id }) => id));
  const withoutHold = upstream.deliveries.filter(({ id }) => !held.has(id)).reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  const result = { lines, withoutHold, openHolds: await openHolds(credits, accounts), refused, fates: stage.fates };
  await proxies[1]?.stop();
  await upstream.close();
  return result;
}

/** A price, credits for every account, and the API key of the proxies. */
async function setUp(credits: CreditGateway, accounts: readonly string[], streams: number): Promise<string> {
  await credits.prices.set('native', { model: MODEL, prices: PRICES, reason: 'soak' });
  const amount = String((streams / ACCOUNTS) * TOKENS_MAX * 2);
  for (const account of accounts) await credits.grants.create({ account, amount, reason: 'soak' });
  return (await credits.apiKeys.create({ reason: 'soak', name: 'soak', scopes: ['holds', 'read'] })).key ?? '';
}

async function openHolds(credits: CreditGateway, accounts: readonly string[]): Promise<number> {
  const pages = await Promise.all(accounts.map((account) => credits.holds.list({ account, state: 'open' })));
  return pages.reduce((sum, { data }) => sum + data.length, 0);
}

/** A caller with a fate of its own. */
async function oneStream({ proxies, accounts, random, fates }: Stage, index: number): Promise<'answered' | 'refused' | 'broken'> {
  const fate = random.pick(FATES);
  fates[fate] = (fates[fate] ?? 0) + 1;
  const tokens = random.integer(TOKENS_MIN, TOKENS_MAX);
  const after = random.integer(0, tokens - 1);
  const how: Behaviour = {
    rate: RATE, tokens, ...(fate === 'provider tells no usage' ? { sendsUsage: false } : {}),
    ...(fate === 'provider breaks off' ? { failure: { after, how: 'reset' } } : {}),
    ...(fate === 'provider sends an error' ? { failure: { after, how: 'error' } } : {}),
  };
  const caller = new AbortController();
  const content = JSON.stringify(how);
  try {
    const response = await fetch(`${proxies[index % proxies.length]?.url ?? ''}/v1/chat/completions`, {
      method: 'POST', signal: caller.signal, headers: { authorization: `Bearer key-${accounts[index % ACCOUNTS] ?? ''}` },
      body: JSON.stringify({ model: MODEL, stream: true, max_tokens: TOKENS_MAX, messages: [{ role: 'user', content }] }),
    });
    if (fate === 'leaves') setTimeout(() => { caller.abort(); }, (after / RATE) * 1_000);
    await response.text();
    return response.ok ? 'answered' : 'refused';
  } catch { // the caller left, or the proxy was killed
    fates['broken connections'] = (fates['broken connections'] ?? 0) + 1;
    return 'broken';
  }
}

/** The caller asks for the provider's behaviour. */
const behaviourOf = ({ messages }: Delivery['request']): Behaviour => JSON.parse(String(messages[0]?.content)) as Behaviour;

/** Every hold of the account, by its id in the provider's record. */
async function linesOf(credits: CreditGateway, account: string, deliveries: readonly Delivery[]): Promise<Line[]> {
  const { data } = await credits.holds.list({ account, limit: 1_000 });
  return Promise.all(data.map(async ({ id, state, captured, reported, onExpiry }) => {
    const delivery = deliveries.find((each) => each.id === id);
    const { timeline } = await credits.holds.get(id, { account });
    return {
      id, state, onExpiry, reason: timeline?.findLast(({ reason }) => reason !== null)?.reason ?? null,
      delivered: delivery?.outputTokens ?? 0, charged: Math.floor(Number(captured)),
      reported: Math.floor(Number(reported)), isTold: delivery !== undefined && behaviourOf(delivery.request).sendsUsage !== false,
    };
  }));
}

type Proxy = { readonly url: string; readonly kill: () => Promise<void>; readonly stop: () => Promise<void> };

async function startProxy(environment: NodeJS.ProcessEnv): Promise<Proxy> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'soak-proxy.js'), [], {
    env: environment, stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ url }] = await once(child, 'message') as [{ readonly url: string }];
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  return { url, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
