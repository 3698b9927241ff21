import { lookup, type LookupAddress } from 'node:dns';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses this process calls on behalf of a caller: those of the public internet, and no others. A name is checked when
 * it is given and again with the addresses that the connection uses, because it can lead elsewhere a moment later.
 */

/** Servers of a cloud that answer without credentials, on addresses that look public: Azure's host agent. */
const HOSTS_OF_CLOUDS: ReadonlySet<string> = new Set(['168.63.129.16']);
/** Of IPv6 only this block is given to the public; ranges inside it that are not have names in ipaddr.js. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Names that only a local resolver knows. */
const LOCAL_NAMES = ['localhost', 'local', 'internal', 'lan', 'home.arpa', 'intranet', 'private', 'corp'];
/** Ports of servers that are no web servers are below this, but for 443. */
const PORT_MIN = 1_024;

/** False for private, loopback, link-local, multicast, reserved and translated (NAT64, IPv4-mapped, 6to4, Teredo) addresses. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' ? !HOSTS_OF_CLOUDS.has(parsed.toString()) : (parsed as ipaddr.IPv6).match(GLOBAL_UNICAST);
}

/** Where this process may be sent. `allowsPrivate`: also to plain http, private addresses and any port; for development only. */
export type OutboundRules = { readonly allowsPrivate: boolean };

/** What is wrong with a URL, in words for its sender; null if nothing is that can be seen without asking DNS. */
export function problemOfUrl(text: string, { allowsPrivate }: OutboundRules): string | null {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowsPrivate && url.protocol === 'http:')) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not contain a username or a password';
  if (url.hash !== '') return 'must not contain a fragment';
  if (allowsPrivate) return null;
  const port = url.port === '' ? 443 : Number(url.port);
  if (port !== 443 && port < PORT_MIN) return `must use port 443 or one from ${PORT_MIN} to 65535`;
  const host = hostOf(url);
  if (ipaddr.isValid(host)) return isPublicAddress(host) ? null : INTERNAL;
  const name = host.replace(/\.$/, '').toLowerCase();
  const isLocal = !name.includes('.') || LOCAL_NAMES.some((each) => name.endsWith(`.${each}`));
  return isLocal ? INTERNAL : null;
}

export const INTERNAL = 'must lead to a public address';

/** The host of a URL; an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** Every address of a name. @throws Error with the code of the resolver. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const resolveHost: Resolve = (hostname) => new Promise((resolve, reject) => {
  lookup(hostname, { all: true }, (error, addresses) => {
    if (error === null) resolve(addresses);
    else reject(error);
  });
});

/**
 * What DNS says against a URL now, in words for its sender; null if nothing. A name that cannot be looked up is no problem yet:
 * what it leads to is asked again with each connection.
 */
export async function problemOfHost(
  text: string, { allowsPrivate }: OutboundRules, resolve: Resolve = resolveHost,
): Promise<string | null> {
  const host = hostOf(new URL(text));
  if (allowsPrivate || ipaddr.isValid(host)) return null;
  const addresses = await resolve(host).catch(() => []);
  return addresses.every(({ address }) => isPublicAddress(address)) ? null : INTERNAL;
}
