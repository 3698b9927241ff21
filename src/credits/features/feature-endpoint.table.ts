import type { Db } from '../../stores/postgres/connect.js';
import type { FeatureEndpoint } from './feature.js';
import { ENDPOINT_COLUMNS } from './permission.table.js';

export type EndpointChanges = Partial<Omit<FeatureEndpoint, 'endpointId'>>;

const EVERY_FIELD = `feature = excluded.feature, name = excluded.name, endpoint = excluded.endpoint, method = excluded.method,
  min_credits = excluded.min_credits, is_active = excluded.is_active, updated_at = now()`;

/** What to do when an endpoint has the id or the value already. A deleted one with the id comes back as the new one. */
const ON_CONFLICT = {
  refuse: `on conflict (endpoint_id) do update set value = excluded.value, deleted_at = null, ${EVERY_FIELD}
    where e.deleted_at is not null`,
  same_id: `on conflict (endpoint_id) do update set value = excluded.value, deleted_at = null, ${EVERY_FIELD}`,
  same_value: `on conflict (value) where deleted_at is null do update set ${EVERY_FIELD}`,
} as const;

/**
 * Adds an endpoint, or changes the one with the same id or value. Null: another endpoint has the id. Throws pg's 23505 when
 * another one has the value.
 */
export async function insertEndpoint(
  db: Db, endpoint: FeatureEndpoint, onConflict: keyof typeof ON_CONFLICT = 'refuse',
): Promise<FeatureEndpoint | null> {
  const { rows } = await db.raw<{ rows: FeatureEndpoint[] }>(
    `insert into feature_endpoints as e (endpoint_id, feature, name, value, endpoint, method, min_credits, is_active)
     values (:endpointId, :feature, :name, :value, :endpoint, :method, :minimum, :isActive)
     ${ON_CONFLICT[onConflict]}
     returning ${ENDPOINT_COLUMNS}`,
    { ...endpoint },
  );
  return rows[0] ?? null;
}

/** Null: there is no such endpoint. */
export async function updateEndpoint(db: Db, endpointId: string, changes: EndpointChanges): Promise<FeatureEndpoint | null> {
  const { rows } = await db.raw<{ rows: FeatureEndpoint[] }>(
    `update feature_endpoints e set feature = coalesce(:feature, e.feature), name = coalesce(:name, e.name),
      value = coalesce(:value, e.value),
        endpoint = coalesce(:endpoint, e.endpoint), method = coalesce(:method, e.method),
        min_credits = coalesce(:minimum::bigint, e.min_credits), is_active = coalesce(:isActive::boolean, e.is_active), updated_at = now()
      where e.endpoint_id = :endpointId and e.deleted_at is null returning ${ENDPOINT_COLUMNS}`,
    {
      endpointId, feature: changes.feature ?? null, name: changes.name ?? null, value: changes.value ?? null,
      endpoint: changes.endpoint ?? null,
      method: changes.method ?? null, minimum: changes.minimum ?? null, isActive: changes.isActive ?? null,
    },
  );
  return rows[0] ?? null;
}

/** Deletes an endpoint: new starts are refused, and usage of running processes is still charged. False: unknown endpoint. */
export async function deleteEndpoint(db: Db, endpointId: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update feature_endpoints set deleted_at = now() where endpoint_id = ? and deleted_at is null`, [endpointId],
  );
  return rowCount === 1;
}

export async function listEndpoints(db: Db): Promise<FeatureEndpoint[]> {
  const { rows } = await db.raw<{ rows: FeatureEndpoint[] }>(
    `select ${ENDPOINT_COLUMNS} from feature_endpoints e where e.deleted_at is null order by e.feature, e.value`,
  );
  return rows;
}
