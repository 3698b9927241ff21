import { GatewayError } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { deleteEndpoint, insertEndpoint, listEndpoints, updateEndpoint, type EndpointChanges } from './feature-endpoint.table.js';
import { newHexId, normalValue, type FeatureEndpoint, type FeaturePackage, type Subscription } from './feature.js';
import {
  addPackage, deletePackage, endSubscription, insertSubscription, listPackages, listSubscriptions, putPackage,
} from './package.table.js';

/** `id`: an id that callers have already; undefined: a new one. */
type MayHaveId = { readonly id?: string | undefined };
export type NewEndpoint = Omit<FeatureEndpoint, 'endpointId'> & MayHaveId;
export type NewPackage = PackageTerms & MayHaveId;
type PackageTerms = Omit<FeaturePackage, 'packageId'>;
export type PackageChanges = Partial<PackageTerms>;

/** What administrators do to features. Everything throws GatewayError: conflict, not_found, ledger_unavailable. */
export type FeatureAdmin = {
  readonly endpoints: () => Promise<FeatureEndpoint[]>;
  readonly addEndpoint: (endpoint: NewEndpoint) => Promise<FeatureEndpoint>;
  readonly changeEndpoint: (endpointId: string, changes: EndpointChanges) => Promise<FeatureEndpoint>;
  readonly removeEndpoint: (endpointId: string) => Promise<void>;
  readonly packages: () => Promise<FeaturePackage[]>;
  readonly addPackage: (wanted: NewPackage) => Promise<FeaturePackage>;
  readonly changePackage: (packageId: string, changes: PackageChanges) => Promise<FeaturePackage>;
  readonly removePackage: (packageId: string) => Promise<void>;
  readonly subscriptions: (accountId: string) => Promise<Subscription[]>;
  readonly subscribe: (subscription: Omit<Subscription, 'subscriptionId' | 'isActive'>) => Promise<Subscription>;
  readonly unsubscribe: (subscriptionId: string) => Promise<Subscription>;
};

export function featureAdmin(db: Db): FeatureAdmin {
  const storePackage = async (wanted: FeaturePackage): Promise<FeaturePackage> => {
    await explained(db.transaction((trx) => putPackage(trx, wanted)), 'features of a package must differ');
    return wanted;
  };
  return {
    endpoints: () => explained(listEndpoints(db)),
    addEndpoint: async ({ id = newHexId(), ...endpoint }) => {
      const added = await explained(
        insertEndpoint(db, { ...endpoint, value: normalValue(endpoint.value), endpointId: id }), 'another feature endpoint has this value',
      );
      if (added === null) throw new GatewayError('conflict', 'another feature endpoint has this _id');
      return added;
    },
    changeEndpoint: async (endpointId, { value, ...changes }) => present(
      await explained(
        updateEndpoint(db, endpointId, { ...changes, ...(value === undefined ? {} : { value: normalValue(value) }) }),
        'another feature endpoint has this value',
      ),
      'Feature endpoint not found',
    ),
    removeEndpoint: async (endpointId) => {
      if (!await explained(deleteEndpoint(db, endpointId))) throw new GatewayError('not_found', 'Feature endpoint not found');
    },
    packages: () => explained(listPackages(db)),
    addPackage: async ({ id = newHexId(), ...wanted }) => {
      const added = { ...wanted, packageId: id };
      const isNew = await explained(db.transaction((trx) => addPackage(trx, added)), 'features of a package must differ');
      if (!isNew) throw new GatewayError('conflict', 'another package has this _id');
      return added;
    },
    changePackage: async (packageId, changes) => {
      const [current] = await explained(listPackages(db, packageId));
      return storePackage({ ...present(current ?? null, 'Package not found'), ...changes });
    },
    removePackage: async (packageId) => {
      if (!await explained(deletePackage(db, packageId), 'users are subscribed to this package; deactivate it instead')) {
        throw new GatewayError('not_found', 'Package not found');
      }
    },
    subscriptions: (accountId) => explained(listSubscriptions(db, accountId)),
    subscribe: async (wanted) => {
      const subscription = { ...wanted, subscriptionId: newHexId(), isActive: true };
      await explained(insertSubscription(db, subscription), 'there is no such package');
      return subscription;
    },
    unsubscribe: async (subscriptionId) => present(await explained(endSubscription(db, subscriptionId)), 'Subscription not found'),
  };
}

function present<T>(found: T | null, message: string): T {
  if (found === null) throw new GatewayError('not_found', message);
  return found;
}

/** Runs a write whose rules are constraints in Postgres. `conflict` is the message for a violated constraint. */
async function explained<T>(work: PromiseLike<T>, conflict = 'this conflicts with existing data'): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (typeof code === 'string' && code.startsWith('23')) throw new GatewayError('conflict', conflict, { cause: error });
    throw toGatewayError(error);
  }
}
