import OpenAI from 'openai';
import { startFakeUpstream, type Behaviour, type FakeUpstream, type UpstreamRequest } from '../../examples/chat-proxy/fake-upstream.js';
import { startChatProxy, type ChatProxy, type ChatProxyOptions } from '../../examples/chat-proxy/proxy.js';
import { CreditGateway } from '../../clients/typescript/src/index.js';
import { until } from '../chaos/lab.js';
import { startGateway, type TestGateway } from '../support/gateway.js';

/** The chat proxy between a real gateway and the fake upstream. */
export type ChatLab = {
  readonly gateway: TestGateway;
  readonly upstream: FakeUpstream;
  readonly proxy: ChatProxy;
  /** As an operator. */
  readonly credits: CreditGateway;
  /** As the proxy. */
  readonly proxyCredits: CreditGateway;
  /** How the upstream treats the next requests; the last message may say it, too. */
  behave: (how: Behaviour | ((request: UpstreamRequest) => Behaviour)) => void;
  /** A new account with credits, and the official client with its key. */
  user(credits: string): Promise<{ readonly account: string; readonly key: string; readonly openai: OpenAI }>;
  /** The only hold of an account, when it has ended and is in Postgres. */
  endOf(account: string): Promise<{ readonly state: string; readonly captured: string; readonly reason: string | null }>;
  holdsOf(account: string): Promise<readonly { readonly state: string; readonly captured: string }[]>;
  available(account: string): Promise<string>;
  close(): Promise<void>;
};

export const MODEL = 'demo-small';
export const API_KEY = 'upstream-key';
/** A credit for ten tokens of input, and for every token of output. */
export const PRICES = { input: '100000', output: '1000000' };

export type LabOptions = {
  readonly prices?: Readonly<Record<string, string>>;
  readonly proxy?: (about: { readonly credits: CreditGateway; readonly accounts: ReadonlyMap<string, string> }) =>
    Partial<ChatProxyOptions>;
};

export async function openChatLab({ prices = PRICES, proxy: more = () => ({}) }: LabOptions = {}): Promise<ChatLab> {
  const gateway = await startGateway();
  const credits = new CreditGateway({ baseUrl: gateway.url, apiKey: () => gateway.token({ sub: 'root', role: 'admin' }) });
  await credits.prices.set('native', { model: MODEL, prices, reason: 'test' });
  const { key = '' } = await credits.apiKeys.create({
    name: 'chat-proxy', scopes: ['holds', 'read'], reason: 'test',
  }) as { readonly key?: string };
  const proxyCredits = new CreditGateway({ baseUrl: gateway.url, apiKey: key });
  let how: Behaviour | ((request: UpstreamRequest) => Behaviour) = {};
  const upstream = await startFakeUpstream({
    apiKey: API_KEY, models: [MODEL, 'unpriced'], behave: (request) => ({ rate: 0, ...(typeof how === 'function' ? how(request) : how) }),
  });
  const accounts = new Map<string, string>();
  const proxy = await startChatProxy({
    credits: proxyCredits, upstream: { url: upstream.url, apiKey: API_KEY }, accounts,
    ...more({ credits, accounts }),
  });
  let users = 0;
  const holdsOf: ChatLab['holdsOf'] = async (account) => (await credits.holds.list({ account })).data;
  return {
    gateway, upstream, proxy, credits, proxyCredits, holdsOf,
    behave: (next) => { how = next; },
    user: async (amount) => {
      const account = `user-${(users += 1)}`;
      const ownKey = `key-of-${account}`;
      accounts.set(ownKey, account);
      await credits.grants.create({ account, amount, reason: 'test' });
      return { account, key: ownKey, openai: new OpenAI({ apiKey: ownKey, baseURL: `${proxy.url}/v1`, maxRetries: 0 }) };
    },
    endOf: async (account) => {
      let ended: readonly { readonly id: string; readonly state: string; readonly captured: string }[] = [];
      await until(`the hold of ${account} ends`, async () => {
        ended = (await credits.holds.list({ account })).data;
        return ended.length > 0 && ended.every(({ state }) => state !== 'open');
      });
      const [hold] = ended;
      if (hold === undefined || ended.length > 1) throw new Error(`${account} has ${ended.length} holds`);
      const { timeline } = await credits.holds.get(hold.id, { account });
      return { state: hold.state, captured: hold.captured, reason: timeline?.findLast(({ reason }) => reason !== null)?.reason ?? null };
    },
    available: async (account) => (await credits.accounts.get(account)).available,
    close: async () => {
      await proxy.close();
      await upstream.close();
      await gateway.stop();
    },
  };
}
