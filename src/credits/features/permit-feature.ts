import type { Clock } from '../../kit/clock.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { EndpointName, FeatureEndpoint } from './feature.js';
import { readPermission } from './permission.table.js';

export type PermitDeps = { readonly db: Db; readonly clock: Clock };

export type Permission =
  | { readonly status: 'permitted'; readonly endpoint: FeatureEndpoint; readonly minimum: Micros; readonly config: string | null }
  /** Unknown or inactive; callers get the same answer for both. */
  | { readonly status: 'unknown_endpoint' }
  /** The account's package does not include it, or the account has no package. */
  | { readonly status: 'not_included'; readonly endpoint: FeatureEndpoint };

/**
 * Whether an account's package lets it use an endpoint. Fails closed: no package, or a package that names nothing,
 * permits nothing (docs/contracts/credits-process.md Z7). Throws GatewayError ledger_unavailable.
 */
export async function permitFeature({ db, clock }: PermitDeps, accountId: string, name: EndpointName): Promise<Permission> {
  const row = await readPermission(db, accountId, name, clock()).catch((error: unknown) => { throw toGatewayError(error); });
  if (row?.isActive !== true) return { status: 'unknown_endpoint' };
  if (!row.isIncluded) return { status: 'not_included', endpoint: row };
  return { status: 'permitted', endpoint: row, minimum: row.effectiveMinimum, config: row.config };
}
