import type { RedisLocation } from './location.js';
import { accessOf, DISCONNECT_TIMEOUT_MS, NO_URL, tlsOf, tlsSettings, type Options } from './node-options.js';
import { slotConnector } from './slot-connector.js';

/** What a connection is opened with: ioredis takes a URL, options, or both. */
export type DriverOptions = { readonly url: string; readonly options: Options };

const SENTINEL_TIMEOUT_MS = 1_000;

/** The options of a connection to one server. In a Cluster it is the server that has `key`, also after a failover. */
export function driverOptions(location: RedisLocation, key: string): DriverOptions {
  switch (location.kind) {
    case 'server': return serverOptions(location);
    case 'sentinel': return { url: NO_URL, options: sentinelOptions(location) };
    case 'cluster': return {
      url: NO_URL,
      options: {
        ...accessOf(location), Connector: slotConnector(location, key), disconnectTimeout: DISCONNECT_TIMEOUT_MS,
        ...(location.tls === undefined ? {} : { tls: {} }), // the connector has the settings; ioredis waits for the handshake
      },
    };
  }
}

function serverOptions(location: Extract<RedisLocation, { kind: 'server' }>): DriverOptions {
  const { url, database } = location;
  const isTls = url.startsWith('rediss:');
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
  return {
    // For `rediss:` ioredis would ignore the settings of TLS.
    url: isTls ? url.replace('rediss:', 'redis:') : url,
    options: {
      ...accessOf(location), ...(database === undefined ? {} : { db: database }),
      ...(isTls ? tlsOf(location.tls ?? { ca: undefined, serverName: undefined }, host) : {}),
    },
  };
}

function sentinelOptions(location: Extract<RedisLocation, { kind: 'sentinel' }>): Options {
  const { sentinels, name, sentinelPassword, database, tls } = location;
  const secured = tls === undefined ? {} : {
    tls: tlsSettings(tls, undefined), sentinelTLS: tlsSettings(tls, undefined), enableTLSForSentinelMode: true,
  };
  return {
    ...accessOf(location), ...secured, name, role: 'master',
    sentinels: sentinels.map((address) => ({ ...address })),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(database === undefined ? {} : { db: database }),
    sentinelRetryStrategy: (attempt) => Math.min(50 * attempt, 500),
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // The Sentinels tell of a failover also when the old master hangs and keeps its connections.
    failoverDetector: true,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  };
}
