import { LRUCache } from 'lru-cache';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { EndpointName, FeatureEndpoint } from './feature.js';
import { readUsedEndpoint } from './permission.table.js';

/** Finds the endpoint that usage is of. Null: there never was one. Throws GatewayError ledger_unavailable. */
export type FindUsedEndpoint = (name: EndpointName) => Promise<FeatureEndpoint | null>;

/** Which endpoint a settlement is of decides no amount, so a moment's memory is harmless and saves a query each. */
const TTL_MS = 1_000;
const ENDPOINTS_MAX = 1_000;

/** Reads endpoints by name, each at most once a second. What was not found is asked for again at once. */
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
