import { API_SCOPES } from '../../../src/kit/principal.js';
import type { CheckedSend } from '../../support/checked-fetch.js';
import { signed, usualClaims } from '../../support/fake-gateway.js';
import type { TestGateway } from '../../support/gateway.js';

/** `isOperator`: it is let in everywhere. `weight`: how often it calls, compared with the others. */
export type FuzzCaller = {
  readonly name: string;
  readonly weight: number;
  readonly isOperator: boolean;
  readonly token?: string;
  readonly headers?: Record<string, string>;
};

export type FuzzCallersOptions = {
  readonly gateway: Pick<TestGateway, 'token'>;
  readonly send: CheckedSend;
  /** The token of an administrator. */
  readonly operator: string;
  /** Of the environment: it opens the credits process and the wallets. */
  readonly serverKey: string;
  readonly chatspartySecret: string;
};

/** More often than all others together, so that most routes do their work. */
const OPERATOR_WEIGHT = 40;

/** One of each kind. The key of the administrator is also that of a server, so that it is refused nowhere. */
export async function fuzzCallers(options: FuzzCallersOptions): Promise<readonly FuzzCaller[]> {
  const { gateway, send, operator, serverKey, chatspartySecret } = options;
  const made = async (path: string, body: object): Promise<string> => {
    const answer = await send('POST', path, { token: operator, body });
    if (answer.status !== 201) throw new Error(`${path}: ${answer.text}`);
    return String(answer.body['key']);
  };
  const service = async (name: string, body: object): Promise<FuzzCaller> =>
    one(`key ${name}`, { token: await made('/v1/api-keys', { name, reason: 'fuzz', ...body }) });
  const one = (name: string, credentials: Pick<FuzzCaller, 'token' | 'headers'>): FuzzCaller =>
    ({ name, weight: 1, isOperator: false, ...credentials });
  const telemetry = await made('/api/admin/server-keys', { name: 'telemetry', scopes: ['telemetry'] });
  return [
    { name: 'operator', weight: OPERATOR_WEIGHT, isOperator: true, token: operator, headers: { 'x-server-api-key': serverKey } },
    one('nobody', {}),
    one('forged token', { token: await signed('x'.repeat(40), { ...usualClaims(Date.now()), sub: 'fuzz', role: 'admin' }) }),
    one('user', { token: await gateway.token({ sub: 'fuzz', role: 'user', username: 'fuzz-name', email: 'fuzz@example.com' }) }),
    one('other user', { token: await gateway.token({ sub: 'other', role: 'user' }) }),
    one('supervisor', { token: await gateway.token({ sub: 'boss', role: 'supervisor' }) }),
    one('administrator', { token: operator }),
    one('chatsparty', {
      token: await signed(chatspartySecret, { ...usualClaims(Date.now()), type: undefined, userId: 'party', role: 'admin' }),
    }),
    one('server key', { headers: { 'x-server-api-key': serverKey } }),
    one('telemetry key', { headers: { 'x-server-api-key': telemetry } }),
    ...await Promise.all(API_SCOPES.map((scope) => service(scope, { scopes: [scope] }))),
    await service('of a prefix', { scopes: API_SCOPES, accountPrefix: 'fuzz' }),
    await service('of a payer', { scopes: API_SCOPES.filter((scope) => scope !== 'admin'), payer: 'fuzz' }),
  ];
}
