import type { Db } from '../../stores/postgres/connect.js';
import { insertEndpoint } from './feature-endpoint.table.js';
import { newHexId, normalValue, type FeaturePackage } from './feature.js';
import type { NewEndpoint, NewPackage } from './manage-features.js';
import { listPackages, putPackage } from './package.table.js';

export type FeatureSeed = { readonly endpoints: readonly NewEndpoint[]; readonly packages: readonly NewPackage[] };

/**
 * Writes seed data, in one transaction. Endpoints are known by their value and packages by their name, so that seeding
 * twice is seeding once; what the seed does not name is left alone.
 */
export async function seedFeatures(
  db: Db, { endpoints, packages }: FeatureSeed,
): Promise<{ readonly endpoints: number; readonly packages: number }> {
  return db.transaction(async (trx) => {
    for (const endpoint of endpoints) {
      await insertEndpoint(trx, { ...endpoint, value: normalValue(endpoint.value), endpointId: newHexId() }, true);
    }
    const known = new Map((await listPackages(trx)).map((each): [string, FeaturePackage] => [each.name, each]));
    for (const each of packages) await putPackage(trx, { ...each, packageId: known.get(each.name)?.packageId ?? newHexId() });
    return { endpoints: endpoints.length, packages: packages.length };
  });
}
