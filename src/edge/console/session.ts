import { decodeJwt } from 'jose';
import { GatewayError } from '../../kit/errors.js';
import type { GatewayContext } from '../http/context.js';

/** The cookie that keeps the operator's token in the browser, for the console only. The gateway stores no session. */
export const SESSION_COOKIE = 'cg_console';
export const HOME = '/console';
export const LOGIN = '/console/login';

/** Browsers silently drop a cookie of more than 4 096 bytes, name and attributes included. */
export const COOKIE_TOKEN_LENGTH_MAX = 3_800;
const METHODS_WITHOUT_EFFECT: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The token of the cookie in the form of an `Authorization` header. Refuses requests that another site caused. */
export function credentialsOf(ctx: GatewayContext): string | undefined {
  if (!METHODS_WITHOUT_EFFECT.has(ctx.method)) requireSameOrigin(ctx);
  const token = cookieOf(ctx.req.headers.cookie);
  return token === undefined ? undefined : `Bearer ${token}`;
}

/**
 * Allows a request that changes something only from a page of this console, in addition to the SameSite=Strict cookie.
 * The browser names the source of a request in Sec-Fetch-Site, which a page cannot forge, or, without TLS, in Origin.
 * A request with neither header is refused.
 */
export function requireSameOrigin(ctx: GatewayContext): void {
  const { 'sec-fetch-site': site, origin, host } = ctx.req.headers;
  const isOurs = site === undefined ? isOfHost(origin, host) : site === 'same-origin';
  if (!isOurs) {
    throw new GatewayError('forbidden', 'The request did not come from a page of the console; open the page again and repeat it there');
  }
}

function isOfHost(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host.toLowerCase();
}

function cookieOf(header: string | undefined): string | undefined {
  const pairs = header?.split(';').map((pair) => pair.trim()) ?? [];
  return pairs.find((pair) => pair.startsWith(`${SESSION_COOKIE}=`))?.slice(SESSION_COOKIE.length + 1);
}

/** Stores a verified token in the cookie until it expires. Scripts cannot read it, other sites cannot send it. */
export function startSession(ctx: GatewayContext, token: string, nowMs: number): void {
  const { exp = 0 } = decodeJwt(token);
  setCookie(ctx, token, Math.max(0, Math.floor(exp - nowMs / 1_000)));
}

export function endSession(ctx: GatewayContext): void {
  setCookie(ctx, '', 0);
}

function setCookie(ctx: GatewayContext, value: string, maxAgeSeconds: number): void {
  const attributes = [
    `${SESSION_COOKIE}=${value}`, `Path=${HOME}`, `Max-Age=${maxAgeSeconds}`, 'HttpOnly', 'SameSite=Strict',
    ...(isSecure(ctx) ? ['Secure'] : []),
  ];
  ctx.res.setHeader('Set-Cookie', attributes.join('; '));
}

/** Whether the browser used https, to the gateway or to a proxy before it. A forged header affects only its sender. */
function isSecure({ req }: GatewayContext): boolean {
  const [proto] = String(req.headers['x-forwarded-proto'] ?? '').split(',');
  return proto?.trim().toLowerCase() === 'https' || 'encrypted' in req.socket;
}

/** The page to open after the login. Only paths of the console are accepted. */
export function localPath(wanted: string | undefined, otherwise: string): string {
  const base = 'http://console.invalid';
  if (wanted === undefined || !wanted.startsWith(HOME) || !URL.canParse(wanted, base)) return otherwise;
  const { origin, pathname, search } = new URL(wanted, base);
  const isPage = origin === base && (pathname === HOME || pathname.startsWith(`${HOME}/`)) && !pathname.startsWith(LOGIN);
  return isPage ? pathname + search : otherwise;
}
