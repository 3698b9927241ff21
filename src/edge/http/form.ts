import { GatewayError, invalid } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { FORM_BYTES_MAX } from '../../kit/limits.js';
import type { GatewayContext } from './context.js';
import { readBytes } from './read-bytes.js';

/** The fields of a form, each given once. */
export type Form = Readonly<Record<string, string>>;

const FORM_TYPE = /^application\/x-www-form-urlencoded(;\s*charset=utf-8)?$/i;

/**
 * Reads what a form of ours sends: `application/x-www-form-urlencoded` in UTF-8, as it is. By hand, because
 * URLSearchParams turns bytes that are not UTF-8 into question marks, and a reason that an operator gives is kept for ever.
 *
 * @throws GatewayError unsupported_media_type, body_too_large, invalid_request.
 */
export async function readForm(ctx: GatewayContext, bytesMax = FORM_BYTES_MAX): Promise<Form> {
  const { headers } = ctx.req;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' || !FORM_TYPE.test(headers['content-type'] ?? '')) {
    const message = 'Content-Type must be application/x-www-form-urlencoded in UTF-8';
    throw new GatewayError('unsupported_media_type', message, { sources: [{ path: 'header', message }] });
  }
  return parseForm(await readBytes(ctx.req, bytesMax, `the form is larger than ${bytesMax} bytes`));
}

function parseForm(bytes: Buffer): Form {
  const fields = new Map<string, string>();
  for (const pair of bytes.toString('latin1').split('&').filter((each) => each !== '')) {
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    const [field, text] = [decode(name), decode(value)];
    if (fields.has(field)) throw invalid(`body.${field}`, 'is there twice');
    fields.set(field, text);
  }
  return Object.fromEntries(fields);
}

function decode(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) throw invalid('body', 'is not a form in UTF-8');
    throw error;
  }
  // A form never has bytes of its own beyond ASCII: they are all percent-encoded.
  if (/[^ -~]/.test(text) || !isStorable(decoded)) throw invalid('body', 'is not a form in UTF-8 without NUL');
  return decoded;
}
