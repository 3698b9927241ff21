import { randomUUID } from 'node:crypto';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../support/gateway.js';

/** The HTTP side of a browser: it sends the cookie, and forms as a page of the console does. */
export type Operator = {
  get(path: string): Promise<Answer>;
  post(path: string, form: Readonly<Record<string, string>>, headers?: Record<string, string>): Promise<Answer>;
};

export const OURS = { 'sec-fetch-site': 'same-origin' };

export const formOf = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();

/** A page without the one script that it is to have. */
export const withoutOwnScript = (page: string): string =>
  page.replace(/<script src="\/console\/live\.js\?of=[0-9a-f]{12}" defer><\/script>/, '');

/** Logs in when it asks for the first page. */
export const operator = (url: string, token: string): Operator => {
  let session: Promise<string> | undefined;
  const ask = async (method: string, path: string, options: {
    readonly raw?: string;
    readonly headers?: Record<string, string>;
  }): Promise<Answer> => {
    session ??= logIn(url, token);
    return sendPlainly(url + path, method, { ...options, headers: { cookie: `other=1; ${await session}`, ...options.headers } });
  };
  return {
    get: (path) => ask('GET', path, {}),
    post: (path, form, headers = OURS) =>
      ask('POST', path, { raw: formOf(form), headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } }),
  };
};

/** Begins a session. Answers its cookie. */
export async function logIn(url: string, token: string): Promise<string> {
  const answer = await sendPlainly(`${url}/console/login`, 'POST', {
    raw: formOf({ token }), headers: { 'content-type': 'application/x-www-form-urlencoded', ...OURS },
  });
  const [cookie] = answer.headers.get('set-cookie')?.split('; ') ?? [];
  if (cookie === undefined) throw new Error(`no session: ${answer.status} ${answer.text}`);
  return cookie;
}

/** Does not follow redirects, so that a test sees cookies and locations. */
export async function sendPlainly(
  url: string, method: string, { raw, headers = {} }: { readonly raw?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(url, { method, headers, redirect: 'manual', ...(raw === undefined ? {} : { body: raw }) });
  return { status: response.status, headers: response.headers, text: await response.text(), body: {} };
}

/** The hidden fields of a page, unescaped, as a browser sends them. */
export function hiddenOf(page: string): Record<string, string> {
  const fields = [...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)];
  return Object.fromEntries(fields.map(([, name, value]) => [unescape(name ?? ''), unescape(value ?? '')]));
}

const unescape = (text: string): string => text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

export type Lab = {
  readonly gateway: TestGateway;
  readonly root: Operator;
  readonly api: (sub: string, method: string, path: string, body?: object, role?: string) => Promise<Answer>;
  stop(): Promise<void>;
};

export async function consoleLab(options: TestGatewayOptions = {}): Promise<Lab> {
  const gateway = await startGateway(options);
  const api: Lab['api'] = async (sub, method, path, body, role = 'user') =>
    send(gateway.url + path, method, {
      token: await gateway.token({ sub, role, username: `${sub}-name`, email: `${sub}@example.com` }),
      ...(body === undefined ? {} : { body }),
    });
  return { gateway, api, root: operator(gateway.url, await gateway.token({ sub: 'root', role: 'admin' })), stop: () => gateway.stop() };
}

export const freshName = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`;
