import { createHash } from 'node:crypto';
import Type from 'typebox';
import { anyone } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { PROBLEM_PAGE } from '../http/problem.js';
import type { AddRoute } from '../http/routes.js';
import { DOCUMENT_PATHS, type Edition } from './about.js';
import { errorsPage } from './errors-page.js';
import { apiOf } from './names.js';
import { openApiOf, type OpenApiSource } from './openapi.js';
import { STYLE } from './page-style.js';
import { REFERENCE_PAGE, referenceScript, START_PATH, SCRIPT_PATH, START_SCRIPT } from './reference.js';
import { shared } from './share.js';

/** A text that never changes while the process lives, with all that is to be said about it. */
type Static = { readonly text: string; readonly headers: Readonly<Record<string, string>> };
/** Filled after all routes are registered, including these. No request arrives earlier. */
const NOTHING: Static = { text: '', headers: {} };

const Document = Type.Object({
  openapi: Type.String(), info: Type.Object({}), servers: Type.Array(Type.Object({})), tags: Type.Array(Type.Object({})),
  'x-tagGroups': Type.Array(Type.Object({})),
  paths: Type.Object({}), components: Type.Object({}),
});
const Page = Type.String({ contentMediaType: 'text/html' });
const Script = Type.String({ contentMediaType: 'text/javascript' });

const pageHeaders = (policy: string): Readonly<Record<string, string>> => ({
  'Content-Type': 'text/html; charset=utf-8', 'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': `default-src 'none'; ${policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
});
/** Nothing may be loaded or run; the one style sheet is inside the page and known by its hash. */
const ERRORS_HEADERS = pageHeaders(`style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`);
/**
 * Scripts, requests and fonts are this gateway's own. The reference makes its style sheets while it runs, so styles may be
 * inline; they cannot load anything from elsewhere.
 */
const REFERENCE_HEADERS = pageHeaders(
  `script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; font-src 'self' data:`,
);
const SCRIPT_HEADERS = { 'Content-Type': 'text/javascript; charset=utf-8' };

/**
 * The API described by its own route table, for programs and for people. Add these last: they describe what is in
 * `routes` by then, once, and every request is answered with the same text.
 */
export function docsRoutes(add: AddRoute, source: OpenApiSource): void {
  const documents: Record<Edition, Static> = { native: NOTHING, legacy: NOTHING };
  const document = { 200: Document, 304: Type.Null() };
  const page = { 200: Page, 304: Type.Null() };
  const script = { 200: Script, 304: Type.Null() };

  const summaries = { native: 'This API in OpenAPI 3.1', legacy: 'The legacy APIs in OpenAPI 3.1' };
  for (const edition of ['native', 'legacy'] as const) {
    add('GET', DOCUMENT_PATHS[edition], anyone(), { summary: summaries[edition], replies: document }, (ctx) => {
      send(ctx, documents[edition]);
    });
  }
  const reference = staticOf(REFERENCE_PAGE, REFERENCE_HEADERS);
  add('GET', '/docs', anyone(), { summary: 'This API as a page', replies: page }, (ctx) => { send(ctx, reference); });
  const start = staticOf(START_SCRIPT, SCRIPT_HEADERS);
  add('GET', START_PATH, anyone(), { summary: 'The settings of that page', replies: script }, (ctx) => { send(ctx, start); });
  add('GET', SCRIPT_PATH, anyone(), { summary: 'The program of that page', replies: script }, sendReference);
  const errors = staticOf(errorsPage(), ERRORS_HEADERS);
  add('GET', PROBLEM_PAGE, anyone(), { summary: 'The codes of failures below /v1, as a page', replies: page }, (ctx) => {
    send(ctx, errors);
  });

  const described = source.routes.filter(({ page: own }) => own === undefined);
  for (const edition of ['native', 'legacy'] as const) {
    const routes = described.filter(({ path }) => (apiOf(path) === 'legacy') === (edition === 'legacy'));
    documents[edition] = staticOf(JSON.stringify(shared(openApiOf({ ...source, routes, edition }))), {
      'Content-Type': 'application/json; charset=utf-8',
    });
  }
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

/** 3.5 MB of text, 1 MB compressed: read when it is asked for first. */
async function sendReference(ctx: GatewayContext): Promise<void> {
  const { text, gzip, etag } = await referenceScript();
  const isCompressed = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  send(ctx, { text: '', headers: {
    ...SCRIPT_HEADERS, ETag: etag, 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding',
    ...(isCompressed ? { 'Content-Encoding': 'gzip' } : {}),
  } });
  if (ctx.status === 200) ctx.body = isCompressed ? gzip : text;
}
