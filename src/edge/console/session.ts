import { decodeJwt } from 'jose';
import { GatewayError } from '../../kit/errors.js';
import type { GatewayContext } from '../http/context.js';

/** The cookie that keeps an operator's token in her browser, for the console alone. There is no session on our side. */
export const SESSION_COOKIE = 'cg_console';
export const HOME = '/console';
export const LOGIN = '/console/login';

/** Browsers drop a cookie of more than 4 096 bytes, name and attributes included, without a word. */
export const COOKIE_TOKEN_LENGTH_MAX = 3_800;
const METHODS_WITHOUT_EFFECT: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The token that a browser shows, as an `Authorization` header would say it. Refuses what another site has sent. */
export function credentialsOf(ctx: GatewayContext): string | undefined {
  if (!METHODS_WITHOUT_EFFECT.has(ctx.method)) requireSameOrigin(ctx);
  const token = cookieOf(ctx.req.headers.cookie);
  return token === undefined ? undefined : `Bearer ${token}`;
}

/**
 * Lets a request that changes something pass only from our own pages. The cookie is SameSite=Strict; this is the second
 * lock. A browser says where a request comes from in Sec-Fetch-Site, which no page can forge, or, without TLS, in
 * Origin. Whoever says neither is not a browser with one of our forms.
 */
export function requireSameOrigin(ctx: GatewayContext): void {
  const { 'sec-fetch-site': site, origin, host } = ctx.req.headers;
  const isOurs = site === undefined ? isOfHost(origin, host) : site === 'same-origin';
  if (!isOurs) throw new GatewayError('forbidden', 'This did not come from a page of the console; open the page again and repeat it there');
}

function isOfHost(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host.toLowerCase();
}

function cookieOf(header: string | undefined): string | undefined {
  const pairs = header?.split(';').map((pair) => pair.trim()) ?? [];
  return pairs.find((pair) => pair.startsWith(`${SESSION_COOKIE}=`))?.slice(SESSION_COOKIE.length + 1);
}

/** Keeps a verified token in the browser until it expires. Scripts cannot read it, other sites cannot send it. */
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

/** Whether the browser came by https, to us or to the proxy before us. Only a browser's owner could lie to herself here. */
function isSecure({ req }: GatewayContext): boolean {
  const [proto] = String(req.headers['x-forwarded-proto'] ?? '').split(',');
  return proto?.trim().toLowerCase() === 'https' || 'encrypted' in req.socket;
}

/** Where to go after the login: a page of the console, whatever a link may have asked for. */
export function localPath(wanted: string | undefined, otherwise: string): string {
  const base = 'http://console.invalid';
  if (wanted === undefined || !wanted.startsWith(HOME) || !URL.canParse(wanted, base)) return otherwise;
  const { origin, pathname, search } = new URL(wanted, base);
  const isPage = origin === base && (pathname === HOME || pathname.startsWith(`${HOME}/`)) && !pathname.startsWith(LOGIN);
  return isPage ? pathname + search : otherwise;
}
