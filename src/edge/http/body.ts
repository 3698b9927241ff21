import { bodyParser } from '@koa/bodyparser';
import { GatewayError, invalid } from '../../kit/errors.js';
import { BODY_BYTES_MAX } from '../../kit/limits.js';
import type { GatewayContext } from './context.js';

/** What clients really send; anything else takes the slow road through `isJson`. */
const USUAL_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8']);

const parse = bodyParser({
  enableTypes: ['json'],
  parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
  jsonLimit: BODY_BYTES_MAX,
  onError: (error) => { throw explain(error); },
});
const done = (): Promise<void> => Promise.resolve();

/**
 * Reads a JSON body; undefined when there is none. Refuses what is not plain JSON in UTF-8: other types, and anything
 * compressed, which no caller needs and which would let 300 bytes unpack to 200 MB.
 *
 * @throws GatewayError unsupported_media_type, body_too_large, invalid_request (malformed, `__proto__`, cut off).
 */
export async function readBody(ctx: GatewayContext): Promise<unknown> {
  const { headers } = ctx.req;
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') return undefined;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Content-Encoding is not supported; send the body as it is');
  const type = headers['content-type'];
  if (type === undefined || !(USUAL_TYPES.has(type) || isJson(type))) throw unsupported('Content-Type must be application/json in UTF-8');
  await parse(ctx, done);
  return (ctx.request as { readonly body?: unknown }).body;
}

function isJson(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';').map((part) => part.trim());
  const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length).replaceAll('"', '');
  return type === 'application/json' && (charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii');
}

const unsupported = (message: string): GatewayError =>
  new GatewayError('unsupported_media_type', message, { sources: [{ path: 'header', message }] });

/** Errors of the parser tell by `status`; their texts can quote the body, so none of them is passed on. */
function explain(error: Error & { readonly status?: unknown; readonly type?: unknown }): unknown {
  if (error.status === 413) return new GatewayError('body_too_large', `the body is larger than ${BODY_BYTES_MAX} bytes`);
  if (error.status === 415) return unsupported('Content-Type must be application/json in UTF-8');
  if (error.type === 'request.aborted') return invalid('body', 'the request was cut off');
  if (error.type === 'request.size.invalid') return invalid('body', 'the body is not as long as Content-Length says');
  if (error.name === 'SyntaxError') return invalid('body', 'the body is not a valid JSON object');
  return error;
}
