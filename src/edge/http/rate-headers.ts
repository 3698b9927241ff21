import type { RateRefusal } from '../../kit/errors.js';
import type { GatewayContext } from './context.js';

/** A limit as headers tell it. */
export type ToldRate = Pick<RateRefusal, 'policy' | 'state'>;

/**
 * Adds limits to those that the answer tells already, in `RateLimit-Policy` and `RateLimit`
 * (draft-ietf-httpapi-ratelimit-headers-10). A second of the same policy replaces the first. `told` has none twice.
 */
export function tellRates({ res }: GatewayContext, told: readonly ToldRate[]): void {
  if (told.length === 0) return;
  if (res.hasHeader('RateLimit-Policy')) {
    for (const { policy, state } of told) {
      add(res, 'RateLimit-Policy', policy);
      add(res, 'RateLimit', state);
    }
    return;
  }
  res.setHeader('RateLimit-Policy', told.map(({ policy }) => policy).join(', '));
  res.setHeader('RateLimit', told.map(({ state }) => state).join(', '));
}

function add(res: GatewayContext['res'], header: string, item: string): void {
  const told = res.getHeader(header);
  const name = item.slice(0, item.indexOf(';') + 1);
  res.setHeader(header, [...String(told).split(', ').filter((each) => !each.startsWith(name)), item].join(', '));
}
