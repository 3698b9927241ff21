import { randomBytes } from 'node:crypto';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.js';
import { startAuthService, type AuthService, type AuthUser } from './auth-service.js';

/** The user of seed 000, as its auth service knows him. */
export const JOHN: AuthUser = {
  id: 'user_id_12345', username: 'johndoe', password: 'securepassword123', email: 'john@example.com', role: 'user',
};
export const ADMIN: AuthUser = {
  id: 'admin_id_1', username: 'admin', password: 'adminpassword123', email: 'admin@example.com', role: 'admin',
};
export const SUPERVISOR: AuthUser = {
  id: 'supervisor_id_1', username: 'supervisor', password: 'supervisorpassword123', email: 'supervisor@example.com',
  role: 'supervisor',
};

export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export type Allocation = { readonly id: number; readonly credits: number; readonly expiresAt: string; readonly allocatedAt: string };

/** The gateway and the auth service of the seeds. Tokens come from logins, over HTTP, as everything else. */
export type SeedLab = {
  readonly gateway: TestGateway;
  readonly auth: AuthService;
  /** `POST /api/auth/login`, now or some time ago: the access token. */
  login(user?: AuthUser, agoMs?: number): Promise<string>;
  readonly call: (method: string, path: string, token?: string, body?: object) => Promise<Answer>;
  /** What an administrator makes of a user's balance: these allocations and nothing else. */
  fund(user: AuthUser, ...credits: readonly number[]): Promise<void>;
  balance(token: string): Promise<{ readonly totalCredits: number; readonly activeAllocations: readonly Allocation[] }>;
  stop(): Promise<void>;
};

export async function seedLab({ environment, ...servers }: TestGatewayOptions = {}): Promise<SeedLab> {
  const secret = randomBytes(32).toString('hex');
  let agoMs = 0;
  const gateway = await startGateway({ ...servers, environment: { ...environment, JWT_ACCESS_SECRET: secret } });
  const auth = await startAuthService({ secret, users: [JOHN, ADMIN, SUPERVISOR], nowMs: () => Date.now() - agoMs });

  const must = async (answer: Promise<Answer>, status: number): Promise<Answer> => {
    const { status: actual, text, ...rest } = await answer;
    if (actual !== status) throw new Error(`expected ${status}, got ${actual}: ${text}`);
    return { status: actual, text, ...rest };
  };
  const login: SeedLab['login'] = async ({ username, password } = JOHN, ago = 0) => {
    agoMs = ago;
    const { body } = await must(send(`${auth.url}/api/auth/login`, 'POST', { body: { username, password } }), 200);
    agoMs = 0;
    return String(body['accessToken']);
  };
  const call: SeedLab['call'] = (method, path, token, body) =>
    send(gateway.url + path, method, { ...(token === undefined ? {} : { token }), ...(body === undefined ? {} : { body }) });

  return {
    gateway, auth, login, call,
    fund: async ({ id: userId }, ...amounts) => {
      const admin = await login(ADMIN);
      const [first = 0, ...others] = amounts;
      // `set` wants a user who is known; the first allocation makes him.
      await must(call('POST', '/api/credits/allocate', admin, { userId, credits: 1 }), 201);
      await must(call('POST', '/api/credits/set', admin, { userId, credits: first }), 200);
      for (const credits of others) await must(call('POST', '/api/credits/allocate', admin, { userId, credits }), 201);
    },
    balance: async (token) => (await must(call('GET', '/api/credits/balance', token), 200)).body as never,
    stop: async () => {
      await auth.stop();
      await gateway.stop();
    },
  };
}
