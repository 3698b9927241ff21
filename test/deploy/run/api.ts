import { Refused } from './shell.js';
import type { Stack } from './stack.js';

/** The API of the gateway at its published port, as an operator. */
export type Api = {
  /** Answers the body. Throws at any other status than 2xx. */
  readonly call: (path: string, body?: object) => Promise<Record<string, unknown>>;
  /** What an account can spend, in credits as text. */
  readonly available: (account: string) => Promise<string>;
};

const ANSWER_WITHIN_MS = 10_000;

export async function operatorApi({ url, exec }: Stack): Promise<Api> {
  const token = await exec('gateway', 'credit-gateway', 'token', '--sub', 'ops', '--role', 'admin', '--ttl', '2h');
  const call: Api['call'] = async (path, body) => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    if (response.status >= 400 && response.status < 500) throw new Refused(`${path}: ${response.status} ${text}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  return { call, available: async (account) => String((await call(`/v1/accounts/${account}`))['available']) };
}
