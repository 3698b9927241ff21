import type { Server } from 'node:http';
import { createSecretKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { SignJWT, type JWTPayload } from 'jose';
import { createApp, type AppDeps } from '../../src/compose/app.js';
import { readConfig } from '../../src/config.js';
import type { GrantedCredits } from '../../src/credits/grants/grant-credits.js';
import { holdPrices } from '../../src/credits/holds/hold-prices.js';
import { builtInTokenBook } from '../../src/credits/prices/token-book.js';
import type { FoundAccount } from '../../src/credits/users/profile.table.js';
import { bearer } from '../../src/edge/auth/bearer.js';
import { issuersOf } from '../../src/edge/auth/issuers.js';
import type { KeysReport } from '../../src/edge/auth/remote-keys.js';
import type { ConsoleDeps } from '../../src/edge/console/console.routes.js';
import type { Readiness } from '../../src/edge/http/health.js';
import { httpServer } from '../../src/edge/http/server.js';
import { SOCKET_BOUNDS, type SocketBounds } from '../../src/edge/http/socket-guard.js';
import type { HistoryEntry } from '../../src/edge/v1/entry-fields.js';
import { isAccountId } from '../../src/kit/ids.js';
import { createLog } from '../../src/kit/log.js';
import { createMetrics } from '../../src/kit/metrics/metrics.js';
import type { Principal } from '../../src/kit/principal.js';
import { fakeChatsparty } from './fake-chatsparty.js';
import { fakeLedger, type FakeLedger } from './fake-ledger.js';

export const ACCESS_SECRET = 'a-secret-that-only-this-test-uses-0123456789';
export const CHATSPARTY_SECRET = 'another-secret-that-only-this-test-uses-0123';
export const MAX_TOKEN_AGE_SECONDS = 3_600;

export const ignoreKeys: KeysReport = { refreshed: () => undefined, failed: () => undefined };

const nothing: ReadonlyMap<string, bigint> = new Map();
const noUsage = {
  totalRecords: 0, totalCredits: 0n, uncollectedRecords: 0, uncollectedCredits: 0n, byService: nothing, byDay: nothing,
  byModel: nothing,
};

export type FakeGateway = {
  readonly url: string;
  readonly ledger: FakeLedger;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** Lines of the log, parsed. */
  readonly logged: Record<string, unknown>[];
  readonly seen: Principal[];
  readonly clock: { nowMs: number };
  readonly deps: AppDeps;
  readonly server: Server;
  resolve: (text: string) => Promise<{ readonly accountId: string } | 'ambiguous' | null>;
  grant: (() => Promise<GrantedCredits>) | null;
  readiness: Readiness;
  history: HistoryEntry[];
  /** Access token of the usual kind; claims override, undefined removes. */
  token(claims: JWTPayload & Record<string, unknown>): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
};

export type CallOptions = {
  readonly token?: string;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  readonly headers?: Record<string, string>;
};
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown>; readonly text: string };

export type FakeGatewayOptions = {
  /** Settings of the tokens (src/config/auth.ts). */
  readonly environment?: Readonly<Record<string, string>>;
  readonly nowMs?: number;
  readonly sockets?: Partial<SocketBounds>;
  /** With an operator console over these; by default without. */
  readonly console?: Omit<ConsoleDeps, 'authenticate' | 'clock'>;
};

/** The real HTTP side over a fake ledger, on a port of its own. */
export async function fakeGateway(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
  const clock = { nowMs: options.nowMs ?? Date.now() };
  const now = (): number => clock.nowMs;
  const ledger = fakeLedger(now);
  const metrics = createMetrics({ version: 'test', defaults: false });
  const logged: Record<string, unknown>[] = [];
  const seen: Principal[] = [];
  const log = createLog({ level: 'debug' }, { write: (line: string) => { logged.push(JSON.parse(line) as Record<string, unknown>); } });
  const { auth } = readConfig({
    JWT_ACCESS_SECRET: ACCESS_SECRET, CHATSPARTY_JWT_SECRET: CHATSPARTY_SECRET, JWT_MAX_AGE_SECONDS: String(MAX_TOKEN_AGE_SECONDS),
    ...options.environment,
  });
  const notFaked = (): Promise<never> => Promise.reject(new Error('not faked'));
  const named = async (text: string): Promise<FoundAccount | 'ambiguous' | null> => {
    const found = await gateway.resolve(text);
    return found === null || found === 'ambiguous' ? found : { ...found, username: null };
  };
  const grants = new Map<string, number>();
  let lastLot = 0;
  const { creditProfile, chatsparty, plans } = fakeChatsparty(ledger, now);
  const authenticate = bearer({
    issuers: issuersOf(auth, now, ignoreKeys).issuers, clock: now, maxTokenAgeSeconds: auth.maxTokenAgeSeconds,
    clockToleranceSeconds: auth.clockToleranceSeconds, roleWords: auth.roles.words,
    admitted: (principal) => { seen.push(principal); return Promise.resolve('admitted'); },
  });
  const deps: AppDeps = {
    log,
    metrics,
    authenticate,
    accounting: {
      version: '1.2.3', clock: now, ledger, tokenBook: builtInTokenBook, holdPrices: holdPrices(), leaseMs: 600_000,
      overCapture: 'debt', debtLimit: null, usageRecordMode: 'charge',
      resolveAccount: named,
      creditProfile,
      openAccount: async ({ text }) =>
        (await named(text)) ?? (isAccountId(text) ? { accountId: text, username: null } : null),
      accountOfKey: () => Promise.resolve(null),
      allocateByEmailStatus: 201,
      // These need the real ledger and Postgres and are tested in test/contract/accounting.
      knownAccount: () => Promise.resolve(null), allOpenStreams: () => Promise.resolve([]), recentStreams: () => Promise.resolve([]),
      accountUsage: () => Promise.resolve({ ...noUsage, recent: [] }),
      systemUsage: () => Promise.resolve({ ...noUsage, byUser: new Map() }),
      set: notFaked, remove: notFaked, adjust: notFaked, revokeAllocation: notFaked, listAllocations: notFaked, registerUser: notFaked,
      grant: async ({ accountId, amount, expiryDays, key, about }) => {
        if (gateway.grant !== null) return gateway.grant();
        const expiresAtMs = clock.nowMs + expiryDays * 86_400_000;
        const name = `${key?.caller ?? ''} ${key?.key ?? ''}`;
        const earlier = key === null ? undefined : grants.get(name);
        if (earlier !== undefined) return { status: 'granted', id: earlier, remaining: amount, expiresAtMs, replayed: true };
        const id = (lastLot += 1);
        if (key !== null) grants.set(name, id);
        await ledger.grantLot({ accountId, lotId: String(id), amount, expiresAtMs, key: `intent:${id}`, kind: 'grant', about });
        return { status: 'granted', id, remaining: amount, expiresAtMs, replayed: false };
      },
    },
    chatsparty,
    native: {
      plans,
      writeLedger: () => Promise.resolve(true),
      keepChange: async (_asked, work) => { await work(); },
      answerOnce: async (_name, _fingerprint, work) => ({ answer: await work(), replayed: false }),
      history: ({ before, limit }) => {
        const older = gateway.history.filter(({ seq }) => before === undefined || seq < before);
        const entries = older.slice(0, limit);
        return Promise.resolve({ entries, next: older.length > limit ? (entries.at(-1)?.seq ?? null) : null });
      },
    },
    ...(options.console === undefined ? {} : { console: { ...options.console, authenticate, clock: now } }),
    health: { readiness: () => gateway.readiness, metricsText: metrics.text, mayOperate: () => 'yes' },
  };
  const server = httpServer(createApp(deps), (reason) => { metrics.count('socketsClosed', { reason }); }, {
    ...SOCKET_BOUNDS, ...options.sockets,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const gateway: FakeGateway = {
    url, ledger, metrics, logged, seen, clock, deps, server,
    resolve: () => Promise.resolve(null),
    grant: null,
    readiness: { serving: true, checks: {} },
    history: [],
    token: (claims) => signed(ACCESS_SECRET, { ...usualClaims(clock.nowMs), ...claims }),
    call: (method, path, call) => send(url + path, method, call),
    stop: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
  return gateway;
}

export const usualClaims = (nowMs: number): JWTPayload & Record<string, unknown> => {
  const iat = Math.floor(nowMs / 1_000);
  return { role: 'enduser', type: 'access', iat, exp: iat + 900 };
};

export const signed = (secret: string, claims: JWTPayload & Record<string, unknown>, alg = 'HS256'): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(createSecretKey(secret, 'utf8'));

export async function send(url: string, method: string, { token, body, raw, headers = {} }: CallOptions = {}): Promise<Answer> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload === undefined ? {} : { body: payload as NonNullable<RequestInit['body']> }),
  });
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json\b/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status, headers: response.headers, text,
    body: isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

/** The fake gateway with the signature of the real one, for contract tests of routes that need no servers. */
export async function startFakeGateway(): Promise<{
  url: string;
  token(claims: { sub: string; role?: string; username?: string; email?: string }): Promise<string>;
  stop(): Promise<void>;
}> {
  const gateway = await fakeGateway();
  return { url: gateway.url, token: (claims) => gateway.token(claims), stop: () => gateway.stop() };
}
