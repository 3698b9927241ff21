import { GatewayError } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { insertEndpoint } from './feature-endpoint.table.js';
import { newHexId, normalValue, type FeaturePackage } from './feature.js';
import type { NewEndpoint, NewPackage } from './manage-features.js';
import { listPackages, putPackage } from './package.table.js';

export type FeatureSeed = { readonly endpoints: readonly NewEndpoint[]; readonly packages: readonly NewPackage[] };

/**
 * Writes seed data, in one transaction. Endpoints are known by their id, or by their value when the seed has none, and
 * packages by their id or name, so that seeding twice is seeding once; what the seed does not name is left alone.
 *
 * @throws GatewayError conflict when another endpoint has the value of one with an id.
 */
export async function seedFeatures(
  db: Db, { endpoints, packages }: FeatureSeed,
): Promise<{ readonly endpoints: number; readonly packages: number }> {
  return db.transaction(async (trx) => {
    for (const { id, ...endpoint } of endpoints) {
      const value = normalValue(endpoint.value);
      await insertEndpoint(trx, { ...endpoint, value, endpointId: id ?? newHexId() }, id === undefined ? 'same_value' : 'same_id')
        .catch((error: unknown) => {
          if ((error as { readonly code?: unknown }).code !== '23505') throw error;
          throw new GatewayError('conflict', `another feature endpoint has the value '${value}'`, { cause: error });
        });
    }
    const known = new Map((await listPackages(trx)).map((each): [string, FeaturePackage] => [each.name, each]));
    for (const { id, ...each } of packages) {
      await putPackage(trx, { ...each, packageId: id ?? known.get(each.name)?.packageId ?? newHexId() });
    }
    return { endpoints: endpoints.length, packages: packages.length };
  });
}
