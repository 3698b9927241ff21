import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';
import type { FeaturePackage, PackageFeature, Subscription } from './feature.js';

type PackageRow = Omit<FeaturePackage, 'features'>;
const COLUMNS = `p.package_id as "packageId", p.name, p.is_initial as "isInitial", p.is_active as "isActive"`;

export async function listPackages(db: Db, packageId: string | null = null): Promise<FeaturePackage[]> {
  const { rows } = await db.raw<{ rows: PackageRow[] }>(
    `select ${COLUMNS} from packages p where (:packageId::text is null or p.package_id = :packageId) order by p.created_at, p.package_id`,
    { packageId },
  );
  const { rows: features } = await db.raw<{ rows: (PackageFeature & { packageId: string })[] }>(
    `select package_id as "packageId", feature, endpoint_id as "endpointId", min_credits as "minimum", config
       from package_features where package_id = any(?::text[]) order by feature, endpoint_id`,
    [rows.map((row) => row.packageId)],
  );
  return rows.map((row) => ({
    ...row,
    features: features.filter((each) => each.packageId === row.packageId).map(({ feature, endpointId, minimum, config }) => ({
      feature, endpointId, minimum, config,
    })),
  }));
}

/** Writes a package with its features. A new initial package replaces the old one. */
export async function putPackage(trx: Trx, wanted: FeaturePackage): Promise<void> {
  if (wanted.isInitial) {
    await trx.raw(`update packages set is_initial = false, updated_at = now() where is_initial and package_id <> ?`, [wanted.packageId]);
  }
  const { packageId, name, isInitial, isActive, features } = wanted;
  await trx.raw(
    `insert into packages (package_id, name, is_initial, is_active) values (:packageId, :name, :isInitial, :isActive)
     on conflict (package_id) do update set name = excluded.name, is_initial = excluded.is_initial,
       is_active = excluded.is_active, updated_at = now()`,
    { packageId, name, isInitial, isActive },
  );
  await trx.raw(`delete from package_features where package_id = ?`, [packageId]);
  for (const { feature, endpointId, minimum, config } of features) {
    await trx.raw(
      `insert into package_features (package_id, feature, endpoint_id, min_credits, config) values (?, ?, ?, ?, ?)`,
      [packageId, feature, endpointId, minimum, config],
    );
  }
}

/** Writes a new package. False: another one has its id, and nothing was written. */
export async function addPackage(trx: Trx, wanted: FeaturePackage): Promise<boolean> {
  const { rowCount } = await trx.raw<{ rowCount: number }>(
    `insert into packages (package_id, name) values (?, ?) on conflict (package_id) do nothing`, [wanted.packageId, wanted.name],
  );
  if (rowCount === 1) await putPackage(trx, wanted);
  return rowCount === 1;
}

/** False: there is no such package. Throws pg's 23503 while subscriptions name it. */
export async function deletePackage(db: Db, packageId: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(`delete from packages where package_id = ?`, [packageId]);
  return rowCount === 1;
}

const SUBSCRIPTION = `subscription_id as "subscriptionId", account_id as "accountId", package_id as "packageId",
  ${toMs('starts_at')} as "startsAtMs", ${toMs('ends_at')} as "endsAtMs", is_active as "isActive"`;

/** Throws pg's 23503 when there is no such package. */
export async function insertSubscription(db: Db, subscription: Subscription): Promise<void> {
  await db.raw(
    `insert into subscriptions (subscription_id, account_id, package_id, starts_at, ends_at, is_active)
     values (:subscriptionId, :accountId, :packageId, to_timestamp(:startsAtMs::double precision / 1000),
       to_timestamp(:endsAtMs::double precision / 1000), :isActive)`,
    { ...subscription },
  );
}

export async function listSubscriptions(db: Db, accountId: string): Promise<Subscription[]> {
  const { rows } = await db.raw<{
    rows: Subscription[];
  }>(`select ${SUBSCRIPTION} from subscriptions where account_id = ? order by starts_at desc, subscription_id`, [accountId]);
  return rows;
}

/** Ends a subscription now and keeps its row. Null: there is no such subscription. */
export async function endSubscription(db: Db, subscriptionId: string): Promise<Subscription | null> {
  const { rows } = await db.raw<{ rows: Subscription[] }>(
    `update subscriptions set is_active = false where subscription_id = ? returning ${SUBSCRIPTION}`, [subscriptionId],
  );
  return rows[0] ?? null;
}
