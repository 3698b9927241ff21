import { GatewayError, invalid } from '../../kit/errors.js';
import { BODY_BYTES_MAX } from '../../kit/limits.js';
import { utf8Text } from '../../kit/utf8.js';
import type { GatewayContext } from './context.js';
import { readBytes } from './read-bytes.js';

/** What clients really send; anything else takes the slow road through `isJson`. */
const USUAL_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8']);

const OBJECT_OR_LIST = /^[ \t\n\r]*[[{]/;
/** A key `__proto__` in any spelling of JSON, or text that looks like one. */
const PROTO = /"(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}"\s*:/i;
const TOO_LARGE = `the body is larger than ${BODY_BYTES_MAX} bytes`;

/**
 * Reads a JSON body; undefined when there is none. Refuses what is not plain JSON in UTF-8: other types, and anything
 * compressed, which no caller needs and which would let 300 bytes unpack to 200 MB.
 *
 * @throws GatewayError unsupported_media_type, body_too_large, invalid_request (not UTF-8, malformed, `__proto__`, cut off).
 */
export async function readBody(ctx: GatewayContext): Promise<unknown> {
  const { headers } = ctx.req;
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') return undefined;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Content-Encoding is not supported; send the body as it is');
  const type = headers['content-type'];
  if (type === undefined || !(USUAL_TYPES.has(type) || isJson(type))) throw unsupported('Content-Type must be application/json in UTF-8');
  const text = utf8Text(await readBytes(ctx.req, BODY_BYTES_MAX, TOO_LARGE));
  if (text === null) throw invalid('body', 'the body is not UTF-8');
  return parse(text);
}

/** The error of the JSON parser quotes the body, so it is not passed on. */
function parse(text: string): unknown {
  if (text === '') return {};
  if (!OBJECT_OR_LIST.test(text)) throw malformed();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw error instanceof SyntaxError ? malformed() : error;
  }
  if (PROTO.test(text) && hasProto(value)) throw malformed();
  return value;
}

const malformed = (): GatewayError => invalid('body', 'the body is not a valid JSON object');

/** Without recursion: bodies may be nested deeper than the stack. */
function hasProto(value: unknown): boolean {
  const waiting = [value];
  while (waiting.length > 0) {
    const each = waiting.pop();
    if (typeof each !== 'object' || each === null) continue;
    if (Object.hasOwn(each, '__proto__')) return true;
    for (const child of Object.values(each)) waiting.push(child);
  }
  return false;
}

function isJson(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';').map((part) => part.trim());
  const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length).replaceAll('"', '');
  return type === 'application/json' && (charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii');
}

const unsupported = (message: string): GatewayError =>
  new GatewayError('unsupported_media_type', message, { sources: [{ path: 'header', message }] });
