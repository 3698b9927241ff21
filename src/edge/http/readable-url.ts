import { invalid } from '../../kit/errors.js';
import type { GatewayContext } from './context.js';

/**
 * Refuses a URL whose path or query is not percent-encoded UTF-8. The router would pass on what it cannot decode, and the
 * query would be read with replacement characters: the caller has sent neither of the two ids.
 *
 * @throws GatewayError invalid_request.
 */
export function assertReadableUrl({ req, path, querystring }: GatewayContext): void {
  // Node refuses what is not ASCII itself.
  if (req.url?.includes('%') !== true) return;
  if (!isReadable(path)) throw invalid('path', 'must be percent-encoded UTF-8');
  if (!isReadable(querystring)) throw invalid('query', 'must be percent-encoded UTF-8');
}

function isReadable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}
