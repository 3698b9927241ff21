import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { Address, RedisLocation, TlsSettings } from './location.js';

/** Options of a connection. Replies are those of the driver, and deadlines those of DeadlineRedis. */
export type Options = Omit<RedisOptions, 'commandTimeout' | 'replyMapping'>;

/** For a connection whose options say where it goes: ioredis skips a URL that is undefined. */
export const NO_URL = undefined as unknown as string;

/** A server that hangs does not end its side of a connection: after a failover it is destroyed after this time. */
export const DISCONNECT_TIMEOUT_MS = 200;

/** The options of a connection to one node of a Cluster. */
export const nodeOptions = (location: RedisLocation, { host, port }: Address): Options =>
  ({ ...accessOf(location), host, port, ...tlsOf(location.tls, host), disconnectTimeout: DISCONNECT_TIMEOUT_MS });

/** The login. */
export const accessOf = ({ username, password }: RedisLocation): Options => ({
  ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }),
});

/** Node sends no name by itself: a server with several certificates could not choose one. */
export function tlsSettings({ ca, serverName }: TlsSettings, host: string | undefined): ConnectionOptions {
  const name = serverName ?? (host === undefined || isIP(host) !== 0 ? undefined : host);
  return { ...(ca === undefined ? {} : { ca }), ...(name === undefined ? {} : { servername: name }) };
}

/** None without TLS. */
export const tlsOf = (tls: TlsSettings | undefined, host: string): Options => (tls === undefined ? {} : { tls: tlsSettings(tls, host) });
