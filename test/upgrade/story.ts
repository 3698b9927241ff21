import { send, type Answer } from '../support/fake-gateway.js';

/** What the gateway of a release said in the end. Amounts are decimal text, as it answered. */
export type Told = {
  /** `GET /v1/accounts/:id` of each account. */
  readonly accounts: Readonly<Record<string, { readonly available: string; readonly held: string; readonly debt: string }>>;
  /** Holds that are open, with their accounts. */
  readonly open: readonly { readonly account: string; readonly id: string; readonly amount: string; readonly reported: string }[];
  /** Holds that ended, with what was captured. */
  readonly ended: readonly { readonly account: string; readonly id: string; readonly captured: string }[];
  readonly apiKey: string;
};
/** With what it takes to open the data again. `atMs`: when it was told. */
export type Kept = Told & { readonly atMs: number; readonly namespace: string; readonly shards: number };

/** A key of Redis: what DUMP says, and its TTL, 0 for none. */
export type KeptKey = { readonly key: string; readonly ttlMs: number; readonly dump: string };

export type StoryDeps = {
  readonly url: string;
  readonly admin: string;
  readonly tokenOf: (account: string) => Promise<string>;
  readonly drained: () => Promise<void>;
  readonly stopDraining: () => Promise<void>;
};

const POOL = 'team';
const ACCOUNTS = ['alice', 'bob', 'carol', 'dora', POOL, 'Zoë {1}'];

/** Uses what a release can do, so that a later one finds data of every kind: drained, and still in the journal. */
export async function tellStory({ url, admin, tokenOf, drained, stopDraining }: StoryDeps): Promise<Told> {
  const call = async (method: string, path: string, body?: object, token = admin): Promise<Answer> => {
    const given = body === undefined ? {} : { body: token === admin ? { reason: 'a story', ...body } : body };
    const answer = await send(url + path, method, { token, ...given });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const ended: { account: string; id: string; captured: string }[] = [];
  await call('PUT', '/v1/prices/native', { model: 'gpt-4o', prices: { input: '2500', output: '10000' } });
  const apiKey = String((await call('POST', '/v1/api-keys', { name: 'proxy', scopes: ['holds', 'charges', 'read'] })).body['key']);
  const asProxy = (path: string, body: object) => call('POST', path, body, apiKey);
  const place = (account: string, id: string, more: object) => asProxy('/v1/holds', { account, id, leaseSeconds: 3_600, ...more });
  const settle = async (account: string, id: string, amount: string): Promise<void> => {
    const { body } = await asProxy(`/v1/holds/${id}/settle`, { account, amount, reason: 'completed' });
    ended.push({ account, id, captured: String(body['captured']) });
  };
  const priced = (inputTokens: number, maxOutputTokens: number) => ({ price: { model: 'gpt-4o', inputTokens, maxOutputTokens } });

  for (const account of ACCOUNTS) await call('POST', '/v1/grants', { account, amount: '100', reason: 'welcome' });
  await call('POST', '/v1/grants', { account: 'alice', amount: '20', reason: 'gift', priority: 1, restrictTo: { models: ['gpt-4o'] } });
  await call('PUT', '/v1/accounts/alice/limits/daily', { amount: '50', period: 'day' });
  await call('PUT', `/v1/accounts/${POOL}/members/bob`, {});
  await call('PUT', '/v1/accounts/carol/low-balance', { amount: '90' });
  await call('PUT', '/v1/plans/pro', { name: 'Pro', credits: '5', period: 'month' });
  await call('PUT', '/v1/account-plans/dora', { plan: 'pro' });

  for (const [id, cost] of [['a1', '3'], ['a2', '0.000001'], ['a3', '6.5']] as const) {
    await place('alice', id, { amount: '5' });
    await settle('alice', id, cost);
  }
  await place('alice', 'streaming', priced(1_000, 1_000));
  await asProxy('/v1/holds/streaming/progress', { account: 'alice', usage: { inputTokens: 1_000, outputTokens: 200 } });
  await place('carol', 'debt', { amount: '90' });
  await settle('carol', 'debt', '120');
  await asProxy('/v1/charges', { account: 'dora', amount: '7.25', reason: 'image' });
  await call('POST', '/v1/transfers', { from: 'dora', to: 'carol', amount: '4', reason: 'a present' });
  await drained();

  await stopDraining();
  await place('alice', 'later', { amount: '2' });
  await settle('alice', 'later', '1.5');
  await asProxy('/v1/holds/streaming/progress', { account: 'alice', usage: { inputTokens: 1_000, outputTokens: 300 } });
  await place('Zoë {1}', 'open', { amount: '10', onExpiry: 'charge_estimate' });
  await place(POOL, 'of-the-pool', { amount: '1' });
  const session = { sessionId: 'legacy', modelId: 'gpt-4', estimatedTokens: 100 };
  await call('POST', '/api/streaming-sessions/initialize', session, await tokenOf('dora'));

  const accounts: Record<string, Told['accounts'][string]> = {};
  for (const account of ACCOUNTS) {
    const { body } = await call('GET', `/v1/accounts/${encodeURIComponent(account)}`);
    accounts[account] = { available: String(body['available']), held: String(body['held']), debt: String(body['debt']) };
  }
  const open = [];
  for (const [account, id] of [['alice', 'streaming'], ['Zoë {1}', 'open'], [POOL, 'of-the-pool'], ['dora', 'legacy']] as const) {
    const { body } = await call('GET', `/v1/holds/${id}?account=${encodeURIComponent(account)}`);
    open.push({ account, id, amount: String(body['amount']), reported: String(body['reported']) });
  }
  return { accounts, open, ended, apiKey };
}
