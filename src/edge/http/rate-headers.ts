import type { RateRefusal } from '../../kit/errors.js';
import type { GatewayContext } from './context.js';

/**
 * Adds a limit to those that the answer tells already, in `RateLimit-Policy` and `RateLimit`
 * (draft-ietf-httpapi-ratelimit-headers-10). A second of the same policy replaces the first.
 */
export function tellRate({ res }: GatewayContext, { policy, state }: Pick<RateRefusal, 'policy' | 'state'>): void {
  add(res, 'RateLimit-Policy', policy);
  add(res, 'RateLimit', state);
}

function add(res: GatewayContext['res'], header: string, item: string): void {
  const told = res.getHeader(header);
  if (told === undefined) {
    res.setHeader(header, item);
    return;
  }
  const name = item.slice(0, item.indexOf(';') + 1);
  res.setHeader(header, [...String(told).split(', ').filter((each) => !each.startsWith(name)), item].join(', '));
}
