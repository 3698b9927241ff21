import { GatewayError, invalid } from '../../kit/errors.js';
import { utf8Text } from '../../kit/utf8.js';
import type { GatewayContext } from './context.js';
import { readBytes } from './read-bytes.js';
import { NOT_JSON, scanJson, valuesMaxOf } from './scan-json.js';

/** What clients really send; anything else takes the slow road through `isJson`. */
const USUAL_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8']);

const OBJECT_OR_LIST = /^[ \t\n\r]*[[{]/;

/**
 * Reads a JSON body of at most `bytesMax` bytes; undefined when there is none. Refuses what is not plain JSON in UTF-8: other
 * types, and anything compressed, which no caller needs and which would let 300 bytes unpack to 200 MB. What says in its
 * header that it is too large is refused unread, and what would be dear to parse is refused unparsed (scan-json.ts).
 *
 * @throws GatewayError unsupported_media_type, body_too_large, invalid_request (not UTF-8, malformed, too deep, too many values,
 *   a key that is there twice, `__proto__`, cut off).
 */
export async function readBody(ctx: GatewayContext, bytesMax: number): Promise<unknown> {
  const { headers } = ctx.req;
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') return undefined;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupported('Content-Encoding is not supported; send the body as it is');
  const type = headers['content-type'];
  if (type === undefined || !(USUAL_TYPES.has(type) || isJson(type))) throw unsupported('Content-Type must be application/json in UTF-8');
  const text = utf8Text(await readBytes(ctx.req, bytesMax, `the body is larger than ${bytesMax} bytes`));
  if (text === null) throw invalid('body', 'the body is not UTF-8');
  return parse(text, bytesMax);
}

/** The error of the JSON parser quotes the body, so it is not passed on. */
function parse(text: string, bytesMax: number): unknown {
  if (text === '') return {};
  if (!OBJECT_OR_LIST.test(text)) throw malformed();
  const problem = scanJson(text, valuesMaxOf(bytesMax));
  if (problem !== null) throw invalid('body', problem);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof SyntaxError ? malformed() : error;
  }
}

const malformed = (): GatewayError => invalid('body', NOT_JSON);

function isJson(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';').map((part) => part.trim());
  const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length).replaceAll('"', '');
  return type === 'application/json' && (charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii');
}

const unsupported = (message: string): GatewayError =>
  new GatewayError('unsupported_media_type', message, { sources: [{ path: 'header', message }] });
