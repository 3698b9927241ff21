import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { send, signed, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

export const SECRET = 'the-secret-of-chatsparty-in-this-test-0123456789';
export const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const WEEK_SECONDS = 7 * 86_400;

/** A user of ChatsParty: the token has a `userId` and no role, and is valid for a week (docs/contracts/README.md#identity). */
export type Caller = {
  readonly userId: string;
  readonly token: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
};

export type Chatsparty = {
  readonly gateway: TestGateway;
  readonly admin: Caller;
  someone(credits?: number): Promise<Caller>;
  /** As an administrator; answers the transaction. */
  add(userId: string, amount: number, more?: object): Promise<Record<string, unknown>>;
};

export const start = async (environment: Readonly<Record<string, string>> = {}): Promise<Chatsparty> => {
  const gateway = await startGateway({ environment: { CHATSPARTY_JWT_SECRET: SECRET, ...environment } });
  const callerOf = (userId: string, token: string): Caller => ({
    userId, token,
    get: (path) => send(gateway.url + path, 'GET', { token }),
    post: (path, body) => send(gateway.url + path, 'POST', { token, body }),
  });
  const admin = callerOf('cp-admin', await gateway.token({ sub: 'cp-admin', role: 'admin' }));
  const add = async (userId: string, amount: number, more: object = {}): Promise<Record<string, unknown>> => {
    const { status, body } = await admin.post('/api/credits/add', {
      userId, amount, transactionType: 'PURCHASE', reason: 'MANUAL_ADJUSTMENT', ...more,
    });
    expect([status, body]).toEqual([200, expect.objectContaining({ userId, amount })]);
    return body;
  };
  return {
    gateway, admin, add,
    someone: async (credits) => {
      const userId = `cm${randomUUID().replaceAll('-', '')}`;
      const issuedAt = Math.floor(Date.now() / 1_000);
      const token = await signed(SECRET, { userId, email: `${userId}@example.com`, iat: issuedAt, exp: issuedAt + WEEK_SECONDS });
      const caller = callerOf(userId, token);
      expect((await caller.get('/api/credits/balance')).status).toBe(200);
      if (credits !== undefined) await add(userId, credits);
      return caller;
    },
  };
};

/** What was used is in the statement as soon as it was acknowledged: listing brings Postgres up to date. */
export const use = async (caller: Caller, credits: number, service = 'ai_chat'): Promise<void> => {
  const { status } = await caller.post('/api/usage/record', { service, operation: 'gpt-4', credits, metadata: { modelName: 'gpt-4' } });
  expect(status).toBe(201);
};

export const rowsOf = ({ body }: Answer): Record<string, unknown>[] => body['transactions'] as Record<string, unknown>[];
export const arrayOf = ({ body }: Answer): Record<string, unknown>[] => body as unknown as Record<string, unknown>[];
