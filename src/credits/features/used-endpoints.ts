import { LRUCache } from 'lru-cache';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { EndpointName, FeatureEndpoint } from './feature.js';
import { readUsedEndpoint } from './permission.table.js';

/** Finds the endpoint of reported usage. Null: it never existed. Throws GatewayError ledger_unavailable. */
export type FindUsedEndpoint = (name: EndpointName) => Promise<FeatureEndpoint | null>;

/** The endpoint does not affect the amount of a settlement, so a short cache is harmless and saves queries. */
const TTL_MS = 1_000;
const ENDPOINTS_MAX = 1_000;

/** Reads endpoints by name, each at most once a second. An unknown name is read again at once. */
export function usedEndpoints(db: Db): FindUsedEndpoint {
  const cache = new LRUCache<string, Promise<FeatureEndpoint | null>>({ max: ENDPOINTS_MAX, ttl: TTL_MS });
  return async (name) => {
    const key = JSON.stringify([name.endpointId, name.value]);
    let found = cache.get(key);
    if (found === undefined) {
      found = readUsedEndpoint(db, name).catch((error: unknown) => { throw toGatewayError(error); });
      cache.set(key, found);
      const forget = (): void => { cache.delete(key); };
      found.then((endpoint) => { if (endpoint === null) forget(); }, forget);
    }
    return found;
  };
}
