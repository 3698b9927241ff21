import { createHash } from 'node:crypto';
import type { Principal } from '../../kit/principal.js';
import type { GatewayContext } from '../http/context.js';
import { html, verbatim, type Html } from '../http/html.js';
import { LIVE_PATH } from './live.js';
import { navigation } from './navigation.js';
import { STYLE } from './style.js';

/** Pages run one script of this gateway, load nothing else and post forms only to it. The hash allows the inline style sheet. */
export const PAGE_POLICY = [
  `default-src 'none'`, `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`, `script-src 'self'`,
  `connect-src 'self'`, `form-action 'self'`, `base-uri 'none'`, `frame-ancestors 'none'`,
].join('; ');

export type Page = {
  readonly title: string;
  readonly body: Html;
  /** Null when the page is shown without a login. */
  readonly viewer: Principal | null;
  /** The state of the gateway, below the header. */
  readonly glance?: Html;
  /** The parts marked `data-live` are read again every so many seconds. Only for pages that a GET of their address shows. */
  readonly liveSeconds?: number;
  /** What was searched for. */
  readonly search?: string;
  readonly status?: number;
};

/** Sends a page that is not cached, cannot be framed and cannot be read by another site. */
export function sendPage(ctx: GatewayContext, page: Page): void {
  protectPage(ctx, PAGE_POLICY);
  ctx.status = page.status ?? 200;
  ctx.res.setHeader('Content-Type', 'text/html; charset=utf-8');
  ctx.body = render(page, ctx.path);
}

export function protectPage({ res }: GatewayContext, policy: string): void {
  // The API allows every origin, because its callers send a token. Here the browser sends a cookie by itself.
  res.removeHeader('Access-Control-Allow-Origin');
  res.setHeader('Content-Security-Policy', policy);
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  // URLs contain account ids. Not `no-referrer`: browsers would then also send no Origin with our own forms.
  res.setHeader('Referrer-Policy', 'same-origin');
  res.setHeader('X-Frame-Options', 'DENY');
}

/** Redirects after a form, so that a reload of the browser does not post the form again. */
export function redirect(ctx: GatewayContext, path: string): void {
  protectPage(ctx, PAGE_POLICY);
  ctx.status = 303;
  ctx.res.setHeader('Location', path);
  ctx.body = '';
}

function render({ title, body, viewer, glance, liveSeconds, search = '' }: Page, path: string): string {
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · credit-gateway</title>
<style>${verbatim(STYLE)}</style>
<script src="${LIVE_PATH}" defer></script>
</head>
<body${viewer === null ? html` class="alone"` : []}${liveSeconds === undefined ? [] : html` data-live-seconds="${liveSeconds}"`}>
<a class="skip" href="#content">Skip to the content</a>
${headerOf(viewer, search)}
${viewer === null ? [] : navigation(path)}
<main id="content">
${glance === undefined ? [] : html`<div data-live="glance">${glance}</div>`}
${liveSeconds === undefined ? [] : html`<p class="stale" role="status" data-live-state hidden></p>`}
${body}
</main>
</body>
</html>`.markup}\n`;
}

function headerOf(viewer: Principal | null, search: string): Html {
  if (viewer === null) return html`<header class="bar"><a class="name" href="/console">credit-gateway</a></header>`;
  return html`<header class="bar">
<a class="name" href="/console">credit-gateway</a>
<form class="find" action="/console/find" method="get" role="search">
<input type="search" name="who" value="${search}" aria-label="Find an account by id, username, e-mail or hold id"
 placeholder="Account id, username, e-mail or hold id" maxlength="320" required autocomplete="off" spellcheck="false">
<button>Find</button></form>
<div class="who"><a href="/console/session">${viewer.username ?? viewer.accountId} <small>${viewer.role}</small></a>
<form action="/console/logout" method="post"><button>Log out</button></form></div>
</header>`;
}
