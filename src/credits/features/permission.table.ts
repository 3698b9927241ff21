import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import { fromMs } from '../../stores/postgres/unnest.js';
import type { EndpointName, FeatureEndpoint } from './feature.js';

/** The permission of an account for an endpoint now. */
export type PermissionRow = FeatureEndpoint & {
  /** The account's package names the endpoint or its feature. False without any package. */
  readonly isIncluded: boolean;
  /** The package's minimum for the endpoint, else for its feature, else the endpoint's own. */
  readonly effectiveMinimum: Micros;
  /** JSON text. */
  readonly config: string | null;
};

export const ENDPOINT_COLUMNS = `e.endpoint_id as "endpointId", e.feature, e.name, e.value, e.endpoint, e.method,
  e.min_credits as "minimum", e.is_active as "isActive"`;

/** An id may also be the value of an endpoint, whatever it looks like (docs/contracts/README.md#c-16). */
const IS_NAMED = `(:endpointId::text is null or e.endpoint_id = :endpointId or e.value = :endpointId)
  and (:value::text is null or e.value = :value) and (:endpointId::text is not null or :value::text is not null)`;
/** An endpoint with the id comes before one with that value, and one that is not deleted before all others. */
const BEST_FIRST = `e.deleted_at is null desc, coalesce(e.endpoint_id = :endpointId::text, false) desc, e.deleted_at desc`;

/**
 * Reads everything that decides about a start in one statement: the endpoint, the account's package (of its newest active
 * subscription, otherwise the initial one), and the terms of that package. Null: there is no such endpoint.
 */
export async function readPermission(db: Db, accountId: string, name: EndpointName, nowMs: number): Promise<PermissionRow | null> {
  const now = fromMs(':nowMs::double precision');
  const { rows } = await db.raw<{ rows: PermissionRow[] }>(
    `select ${ENDPOINT_COLUMNS}, (one.package_id is not null or whole.package_id is not null) as "isIncluded",
            coalesce(one.min_credits, whole.min_credits, e.min_credits) as "effectiveMinimum", coalesce(one.config, whole.config) as config
       from feature_endpoints e
       left join lateral (
         select package_id from (
           (select s.package_id, 1 as rank from subscriptions s join packages p using (package_id)
             where s.account_id = :accountId and s.is_active and p.is_active
               and s.starts_at <= ${now} and (s.ends_at is null or s.ends_at > ${now})
             order by s.starts_at desc, s.subscription_id desc limit 1)
           union all select package_id, 2 from packages where is_initial and is_active) as plans
         order by rank limit 1) as plan on true
       left join package_features one on one.package_id = plan.package_id and one.feature = e.feature and one.endpoint_id = e.endpoint_id
       left join package_features whole on whole.package_id = plan.package_id and whole.feature = e.feature and whole.endpoint_id = ''
      where e.deleted_at is null and ${IS_NAMED} order by ${BEST_FIRST} limit 1`,
    { accountId, nowMs, ...name },
  );
  return rows[0] ?? null;
}

/** The endpoint of reported usage. Also deleted and inactive ones, because usage that happened is charged (I8). */
export async function readUsedEndpoint(db: Db, name: EndpointName): Promise<FeatureEndpoint | null> {
  const { rows } = await db.raw<{ rows: FeatureEndpoint[] }>(
    `select ${ENDPOINT_COLUMNS} from feature_endpoints e where ${IS_NAMED}
      order by ${BEST_FIRST} limit 1`,
    { ...name },
  );
  return rows[0] ?? null;
}
