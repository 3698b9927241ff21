/** The address of one server. */
export type Address = { readonly host: string; readonly port: number };

export type TlsSettings = {
  /** Certificates of the authorities that are trusted, PEM; undefined: those of Node. */
  readonly ca: string | undefined;
  /** The name that certificates must have, and that SNI sends; undefined: the host that is connected to. */
  readonly serverName: string | undefined;
};

/** How to log in, on every server. */
type Access = {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Undefined: no TLS. */
  readonly tls?: TlsSettings | undefined;
};

/** Where Redis is, and what it is. Only the files of this folder act on `kind`. */
export type RedisLocation =
  /** One server. Its URL may contain the user, the password and the database. */
  | Access & { readonly kind: 'server'; readonly url: string; readonly database?: number }
  /** The master that these Sentinels name. */
  | Access & {
    readonly kind: 'sentinel'; readonly sentinels: readonly Address[]; readonly name: string;
    readonly sentinelPassword?: string | undefined; readonly database?: number;
  }
  /** A Redis Cluster, of which these nodes are asked for the others. */
  | Access & { readonly kind: 'cluster'; readonly nodes: readonly Address[] };

export const redisAt = (url: string): RedisLocation => ({ kind: 'server', url });

export const textOf = ({ host, port }: Address): string => `${host}:${port}`;

/** `host:port`, also with an IPv6 address, in brackets or without. Null for anything else. */
export function addressOf(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s[\]/@]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}
