import { randomUUID } from 'node:crypto';
import { checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import type { Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { withReason } from '../../support/reason.js';

export type Call = (method: string, path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;

/** A gateway with an operator, prices in the native book, and services with keys. Every answer is checked against the document. */
export type NativeLab = {
  readonly gateway: TestGateway;
  readonly checked: CheckedGateway;
  /** Gives a reason where the test names none (`withReason`). */
  readonly operator: Call;
  readonly user: (accountId: string) => Promise<Call>;
  /** A service with a new key. */
  readonly service: (scopes: readonly string[], bound?: { accountPrefix?: string; payer?: string }) => Promise<Call>;
  readonly bearer: (token: string) => Call;
  /** A new account with credits. */
  readonly funded: (amount: string, prefix?: string) => Promise<string>;
  readonly stop: () => Promise<void>;
};

/** A key of the environment: one that `/v1` does not know. */
export const SERVER_KEY = 'a-key-of-the-environment';

export async function nativeLab(environment: Readonly<Record<string, string>> = {}): Promise<NativeLab> {
  const gateway = await startGateway({ environment: { SERVER_API_KEYS: SERVER_KEY, ...environment } });
  const checked = await checkedGateway(gateway.url);
  const bearer = (token: string): Call => (method, path, body, headers = {}) =>
    checked.send(method, path, { token, headers, ...(body === undefined ? {} : { body }) });
  const asRoot = bearer(await gateway.token({ sub: 'root', role: 'admin' }));
  const operator: Call = (method, path, body, headers) => {
    const told = withReason(method, path, body);
    return asRoot(method, told.path, told.body, headers);
  };
  const service: NativeLab['service'] = async (scopes, bound = {}) => {
    const { body } = await operator('POST', '/v1/api-keys', { name: `service-${randomUUID()}`, scopes, ...bound });
    return bearer(String(body['key']));
  };
  const prices = { input: '2.5', output: '10', cachedRead: '1.25' };
  const priced = await operator('PUT', '/v1/prices/native', { model: 'gpt-4o', prices });
  if (priced.status !== 200) throw new Error(`no price: ${priced.text}`);
  return {
    gateway, checked, operator, bearer, service,
    user: async (accountId) => bearer(await gateway.token({ sub: accountId, role: 'user' })),
    funded: async (amount, prefix = 'a') => {
      const account = `${prefix}-${randomUUID().slice(0, 8)}`;
      const { status, text } = await operator('POST', '/v1/grants', { account, amount, reason: 'test' });
      if (status !== 201) throw new Error(`no grant: ${text}`);
      return account;
    },
    stop: () => gateway.stop(),
  };
}

export const problemOf = ({ status, body }: Answer): [number, unknown, unknown] =>
  [status, body['code'], (body['errors'] as { path: string }[] | undefined)?.map(({ path }) => path)];
