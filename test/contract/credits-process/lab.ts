import { randomBytes } from 'node:crypto';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { withReason } from '../../support/reason.js';

export const SERVER_KEY = 'a-server-key-that-only-tests-use';

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Body };
type Item = Readonly<Record<string, unknown>>;
type Body = {
  readonly success: boolean; readonly status: number; readonly message: string; readonly error?: string;
  readonly sources?: readonly { readonly path: string; readonly message: string }[];
  readonly first?: Item;
  readonly data: Item & {
    readonly status: string;
    readonly message: string;
    readonly usage_key: string;
    readonly credits: number;
    readonly details: Item & Item[];
    readonly total_cost: number;
  };
};

export type Lab = {
  readonly gateway: TestGateway;
  readonly admin: (method: string, path: string, body?: object) => Promise<{
    readonly status: number;
    readonly body: Record<string, unknown> & Record<string, unknown>[];
  }>;
  /** As a server with a key. */
  readonly post: (path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly grant: (userId: string, credits: number) => Promise<void>;
  readonly balance: (userId: string) => Promise<number>;
  readonly user: () => string;
  readonly stop: () => Promise<void>;
};

/** A gateway with ai_chat_v1 (minimum 10) in the package of all users, as the example of the guide needs it. */
export async function creditsLab(
  environment: Readonly<Record<string, string>> = {}, on: { readonly redisUrl?: string } = {},
): Promise<Lab> {
  const gateway = await startGateway({ ...on, environment: { SERVER_API_KEYS: SERVER_KEY, ...environment } });
  const token = await gateway.token({ sub: 'root', role: 'admin' });
  const admin: Lab['admin'] = async (method, asked, given) => {
    const { path, body } = withReason(method, asked, given);
    const response = await fetch(gateway.url + path, {
      method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as never };
  };
  const post: Lab['post'] = async (path, body, headers = { 'x-server-api-key': SERVER_KEY }) => {
    const response = await fetch(gateway.url + path, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: await response.json() as Body };
  };
  await admin('POST', '/api/admin/feature-endpoints', { feature: 'ai_chat', name: 'AI chat', value: 'ai_chat_v1', min_credits: 10 });
  await admin('POST', '/api/admin/packages', { name: 'Free', is_initial: true, features: [{ feature: 'ai_chat' }] });
  return {
    gateway, admin, post,
    grant: async (userId, credits) => {
      const { status } = await admin('POST', '/api/credits/allocate', { userId, credits });
      if (status !== 201) throw new Error(`allocate answered ${status}`);
    },
    // Read as the user: others find the user only after the profile is in Postgres.
    balance: async (userId) => {
      const own = await gateway.token({ sub: userId });
      const response = await fetch(`${gateway.url}/api/credits/balance`, { headers: { authorization: `Bearer ${own}` } });
      return (await response.json() as { readonly totalCredits: number }).totalCredits;
    },
    user: () => randomBytes(12).toString('hex'),
    stop: () => gateway.stop(),
  };
}
