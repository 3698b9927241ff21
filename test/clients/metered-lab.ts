import { CreditGateway, type EndReason, type Receipt } from '../../clients/typescript/src/index.js';
import { startFakeUpstream, type Behaviour, type FakeUpstream, type UpstreamRequest } from '../../examples/chat-proxy/fake-upstream.js';
import { until } from '../chaos/lab.js';
import { nativeLab, type NativeLab } from '../edge/v1/lab.js';

/** A gateway, a provider that behaves as told, and a client between them. */
export type MeteredLab = {
  readonly lab: NativeLab;
  readonly credits: CreditGateway;
  readonly upstream: FakeUpstream;
  /** How the provider answers from now on. */
  readonly behave: (how: Behaviour) => void;
  /** The last request that the provider got. */
  readonly lastRequest: () => UpstreamRequest & Readonly<Record<string, unknown>>;
  /** Waits for the entry of a receipt to tell how the request ended. */
  readonly expectReason: (receipt: Receipt, reason: EndReason) => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** A model whose reasoning, cached input and sound have prices of their own. */
export const THINKER = 'thinker';

export async function meteredLab(): Promise<MeteredLab> {
  const lab = await nativeLab();
  const admin = new CreditGateway({ baseUrl: lab.gateway.url, apiKey: await lab.gateway.token({ sub: 'root', role: 'admin' }) });
  await admin.prices.set('native', {
    reason: 'test',
    model: THINKER, prices: { input: '2', output: '10', cachedRead: '1', cachedWrite: '3', reasoning: '20', audioInput: '40' },
  });
  const { key } = await admin.apiKeys.create({ reason: 'test', name: 'chat', scopes: ['holds', 'read'] });
  const credits = new CreditGateway({ baseUrl: lab.gateway.url, apiKey: String(key) });
  let how: Behaviour = {};
  const upstream = await startFakeUpstream({ models: ['gpt-4o', THINKER], behave: () => ({ rate: 0, ...how }) });
  return {
    lab, credits, upstream,
    behave: (told) => { how = told; },
    lastRequest: () => upstream.deliveries.at(-1)?.request as UpstreamRequest & Readonly<Record<string, unknown>>,
    expectReason: ({ id, account }, reason) => until(reason, async () =>
      JSON.stringify((await credits.holds.get(id, { account })).timeline).includes(`"${reason}"`)),
    stop: async () => {
      await upstream.close();
      await lab.stop();
    },
  };
}

/** Credits for tokens of `gpt-4o` in the lab. */
export const costOf = (inputTokens: number, outputTokens: number): string => credits(inputTokens * 2.5 + outputTokens * 10);
/** Credits as the gateway writes them, of micro-credits, rounded up. */
export const credits = (micros: number): string => String(Math.ceil(micros) / 1e6);

/** Collects receipts; `one` waits for the first. */
export function receipts() {
  const all: Receipt[] = [];
  let told: (receipt: Receipt) => void;
  const one = new Promise<Receipt>((resolve) => { told = resolve; });
  return {
    all, one,
    onSettled: (receipt: Receipt): void => {
      all.push(receipt);
      told(receipt);
    },
  };
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
