import { GatewayError } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { METADATA_BYTES_MAX } from '../../kit/limits.js';

export type Metadata = Readonly<Record<string, unknown>>;

/** Deeper than any real metadata; bounds the recursion here and in whatever reads it later. */
const METADATA_DEPTH_MAX = 16;
const PATH = 'body.metadata';

/**
 * Accepts metadata that can be stored as it came: small, shallow, of finite numbers and clean strings. JSON itself lets
 * more through (1e400 arrives as Infinity, `\ud800` as a lone surrogate), and Postgres would choke on it later.
 *
 * @throws GatewayError invalid_request with `message`.
 */
export function assertStorable(metadata: Metadata, message: string): void {
  const problem = problemOf(metadata, 1)
    ?? (Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES_MAX
      ? `must not be larger than ${METADATA_BYTES_MAX} bytes`
      : undefined);
  if (problem !== undefined) throw new GatewayError('invalid_request', message, { sources: [{ path: PATH, message: problem }] });
}

function problemOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : 'must not contain NUL or lone surrogates';
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'must not contain numbers beyond 1.8e308';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > METADATA_DEPTH_MAX) return `must not be nested deeper than ${METADATA_DEPTH_MAX}`;
  for (const [key, child] of Object.entries(value)) {
    const problem = problemOf(key, depth) ?? problemOf(child, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
