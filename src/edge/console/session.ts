import { GatewayError } from '../../kit/errors.js';
import type { GatewayContext } from '../http/context.js';
import type { Credentials } from '../http/gatekeeper.js';
import { SESSION_SECONDS_MAX, type Sessions } from './sessions.js';

/** The cookie with the id of the session, for the console only. */
export const SESSION_COOKIE = 'cg_console';
export const HOME = '/console';
export const LOGIN = '/console/login';

/** The query parameter of a page that reloads itself, and what the queue board asks for every few seconds: no operator did that. */
export const BY_ITSELF = 'reload';
const POLLED = '/console/queues/api/';
const METHODS_WITHOUT_EFFECT: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** The token of the session in the form of an `Authorization` header. Refuses requests that another site caused. */
export function credentialsOf(sessions: Sessions): Credentials {
  return async (ctx) => {
    const isReading = METHODS_WITHOUT_EFFECT.has(ctx.method);
    if (!isReading) requireSameOrigin(ctx);
    const id = sessionIdOf(ctx);
    if (id === undefined) return undefined;
    const isUsed = !isReading || (ctx.query[BY_ITSELF] === undefined && !ctx.path.startsWith(POLLED));
    const token = await sessions.tokenOf(id, { isUsed, isReading });
    return token === undefined ? undefined : `Bearer ${token}`;
  };
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

/** The id of the session that a request shows, whether or not there is such a session. */
export function sessionIdOf({ req }: GatewayContext): string | undefined {
  const pairs = req.headers.cookie?.split(';').map((pair) => pair.trim()) ?? [];
  return pairs.find((pair) => pair.startsWith(`${SESSION_COOKIE}=`))?.slice(SESSION_COOKIE.length + 1);
}

/** Stores the id of a session in the cookie. Scripts cannot read it, other sites cannot send it. */
export function setSession(ctx: GatewayContext, id: string): void {
  setCookie(ctx, id, SESSION_SECONDS_MAX);
}

export function forgetSession(ctx: GatewayContext): void {
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
