import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** IPv6 is handed out by networks of this many groups: one caller has all addresses of one. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/**
 * The address that a request is counted under: of IPv6 its /64 network. `proxyHops`: how many proxies of our own each added the
 * address of their client at the end of `X-Forwarded-For`; what stands before these a client can write itself.
 */
export function addressOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, proxyHops: number): string {
  const forwarded = proxyHops === 0 ? [] : String(headers['x-forwarded-for'] ?? '').split(',').map((each) => each.trim());
  const client = forwarded.at(-Math.min(proxyHops, forwarded.length));
  return networkOf(client !== undefined && isIP(client) !== 0 ? client : socket.remoteAddress ?? '');
}

function networkOf(address: string): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').toLowerCase().split('::');
  const before = head.split(':').filter((group) => group !== '');
  const after = (tail ?? '').split(':').filter((group) => group !== '');
  const groups = tail === undefined ? before : [...before, ...new Array<string>(GROUPS - before.length - after.length).fill('0'), ...after];
  return `${groups.slice(0, NETWORK_GROUPS).map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}
