import { createHash } from 'node:crypto';
import Type from 'typebox';
import { anyone } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { PROBLEM_PAGE } from '../http/problem.js';
import type { AddRoute } from '../http/routes.js';
import { openApiOf, type OpenApiSource } from './openapi.js';
import { STYLE } from './page-style.js';
import { errorsPage } from './errors-page.js';
import { pageOf } from './page.js';

/** A text that never changes while the process lives, with all that is to be said about it. */
type Static = { readonly text: string; readonly headers: Readonly<Record<string, string>> };
/** Filled after all routes are registered, including these two. No request arrives earlier. */
const NOTHING: Static = { text: '', headers: {} };

const Document = Type.Object({
  openapi: Type.String(), info: Type.Object({}), servers: Type.Array(Type.Object({})), tags: Type.Array(Type.Object({})),
  'x-tagGroups': Type.Array(Type.Object({})),
  paths: Type.Object({}), components: Type.Object({}),
});
const Page = Type.String({ contentMediaType: 'text/html' });

/** Nothing may be loaded or run; the one style sheet is inside the page and known by its hash. */
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE)
  .digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const HTML_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': PAGE_POLICY, 'Referrer-Policy': 'no-referrer',
} as const;

/**
 * The API described by its own route table, for programs and for people. Add these last: they describe what is in
 * `routes` by then, once, and every request is answered with the same text.
 */
export function docsRoutes(add: AddRoute, source: OpenApiSource): void {
  let json = NOTHING;
  let html = NOTHING;
  const document = { 200: Document, 304: Type.Null() };
  const page = { 200: Page, 304: Type.Null() };

  add('GET', '/openapi.json', anyone(), { summary: 'This API in OpenAPI 3.1', replies: document }, (ctx) => { send(ctx, json); });
  add('GET', '/docs', anyone(), { summary: 'This API as a page', replies: page }, (ctx) => { send(ctx, html); });

  const errors = staticOf(errorsPage(), HTML_HEADERS);
  add('GET', PROBLEM_PAGE, anyone(), { summary: 'The codes of failures below /v1, as a page', replies: page }, (ctx) => {
    send(ctx, errors);
  });

  const openApi = openApiOf({ ...source, routes: source.routes.filter(({ page: own }) => own === undefined) });
  json = staticOf(JSON.stringify(openApi), { 'Content-Type': 'application/json; charset=utf-8' });
  html = staticOf(pageOf(openApi), HTML_HEADERS);
}

function staticOf(text: string, headers: Readonly<Record<string, string>>): Static {
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  // Kept by browsers, but asked about each time: a new release shows at once.
  return { text, headers: { ...headers, ETag: etag, 'Cache-Control': 'no-cache' } };
}

function send(ctx: GatewayContext, { text, headers }: Static): void {
  ctx.status = 200;
  for (const [name, value] of Object.entries(headers)) ctx.res.setHeader(name, value);
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = text;
}
