import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { signed } from '../../support/fake-gateway.js';

export type AuthUser = {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly email: string;
  readonly role: string;
};

export type AuthService = {
  readonly url: string;
  /** Usernames, one per login that succeeded. */
  readonly logins: readonly string[];
  stop(): Promise<void>;
};

export type AuthServiceOptions = { readonly secret: string; readonly users: readonly AuthUser[]; readonly nowMs?: () => number };

const ACCESS_TOKEN_SECONDS = 15 * 60;

/** The External Authentication Service of the seeds: it shares a secret with the gateway, and nothing else. */
export async function startAuthService({ secret, users, nowMs = Date.now }: AuthServiceOptions): Promise<AuthService> {
  const logins: string[] = [];

  async function login(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    const { username, password } = JSON.parse(await text(request)) as { username?: string; password?: string };
    if (username === undefined || password === undefined) return [400, { message: 'Missing required fields' }];
    const found = users.find((user) => user.username === username && user.password === password);
    if (found === undefined) return [401, { message: 'Invalid credentials' }];
    const { id, email, role } = found;
    const iat = Math.floor(nowMs() / 1_000);
    const accessToken = await signed(secret, { sub: id, username, email, role, type: 'access', iat, exp: iat + ACCESS_TOKEN_SECONDS });
    logins.push(username);
    return [200, {
      message: 'Login successful', accessToken, refreshToken: 'refresh_token_string', user: { id, username, email, isVerified: true, role },
    }];
  }

  async function answer(request: IncomingMessage): Promise<readonly [status: number, body: object]> {
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'GET /health': return [200, { status: 'ok' }];
      case 'POST /api/auth/login': return login(request);
      default: return [404, { message: 'Not found' }];
    }
  }

  return { ...await listen(async (request, response) => { json(response, ...await answer(request)); }), logins };
}

export function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** An HTTP server on a free port. */
export async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => { json(response, 500, { message: String(error) }); });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}
