import { findMaster, findSlot } from './find-master.js';
import { followingConnector } from './following-connector.js';
import type { RedisLocation } from './location.js';
import { accessOf, DISCONNECT_TIMEOUT_MS, NO_URL, tlsOf, type Options } from './node-options.js';
import { slotOf } from './slots.js';

/** What a connection is opened with: ioredis takes a URL, options, or both. */
export type DriverOptions = { readonly url: string; readonly options: Options };

/** The options of a connection to one server. In a Cluster it is the server that has `key`, also after a failover. */
export function driverOptions(location: RedisLocation, key: string): DriverOptions {
  switch (location.kind) {
    case 'server': return serverOptions(location);
    case 'sentinel': return following(location, followingConnector(() => findMaster(location), location.tls));
    case 'cluster': {
      const slot = slotOf(key);
      return following(location, followingConnector(() => findSlot(location, slot), location.tls));
    }
  }
}

function following(location: RedisLocation, Connector: NonNullable<Options['Connector']>): DriverOptions {
  return {
    url: NO_URL,
    options: {
      ...accessOf(location), Connector, disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      ...('database' in location ? { db: location.database } : {}),
      ...(location.tls === undefined ? {} : { tls: {} }), // the connector has the settings; ioredis waits for the handshake
    },
  };
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
