import { randomUUID } from 'node:crypto';
import { fingerprint } from '../../kit/ids.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { EndpointName } from '../features/feature.js';
import { permitFeature, type PermitDeps } from '../features/permit-feature.js';
import { placeHold } from '../holds/place-hold.js';
import { NO_PRICE, PROCESS, processHoldId, walletBalance } from './process-hold.js';

export type StartDeps = PermitDeps & {
  readonly ledger: Pick<Ledger, 'placeHold' | 'readBalance'>;
  readonly leaseMs: number;
  /** `minimum` reserves what a start requires; `none` only looks, as the original did. */
  readonly holdMode: 'minimum' | 'none';
};

/** What a start came to. `balance` is the wallet's, held credits included. */
export type StartedProcess =
  | { readonly status: 'accessible'; readonly usageKey: string; readonly balance: Micros; readonly config: string | null }
  | {
    readonly status: 'insufficient_credits';
    readonly usageKey: string;
    readonly balance: Micros;
    readonly required: Micros;
    /** What the balance allows, or the spending limit of the account that refused. */
    readonly available: Micros;
    readonly limitId?: string;
  }
  | { readonly status: 'unknown_endpoint' }
  | { readonly status: 'not_included' | 'account_frozen' | 'too_many_holds'; readonly balance: Micros };

/**
 * Decides whether an account may use a feature now, and reserves its minimum under a new usage_key, so that a hundred
 * starts at once cannot share one balance (docs/contracts/credits-process.md Z3). Every start is a new one: it has no name before this.
 *
 * @throws GatewayError ledger_unavailable: when the balance is unknown, the start is refused (I10).
 */
export async function startProcess(deps: StartDeps, accountId: string, name: EndpointName): Promise<StartedProcess> {
  const { ledger } = deps;
  const permission = await permitFeature(deps, accountId, name);
  if (permission.status === 'unknown_endpoint') return permission;
  if (permission.status === 'not_included') {
    return { status: 'not_included', balance: walletBalance(await ledger.readBalance(accountId)) };
  }
  const { endpoint, minimum, config } = permission;
  const usageKey = randomUUID();
  if (deps.holdMode === 'minimum' && minimum > 0) {
    const reply = await placeHold(deps, {
      accountId,
      holdId: processHoldId(usageKey),
      kind: PROCESS,
      amount: minimum,
      price: NO_PRICE,
      by: 'service',
      spending: { feature: endpoint.value },
      isNewId: true,
      fingerprint: fingerprint('credits-process/start', endpoint.endpointId, minimum),
      facts: { type: 'process', process: 'start', usageKey, featureEndpointId: endpoint.endpointId, feature: endpoint.value },
    });
    const balance = walletBalance(await ledger.readBalance(accountId));
    switch (reply.status) {
      case 'placed':
        return { status: 'accessible', usageKey, balance, config };
      case 'limit_reached': {
        const { limitId, remaining } = reply.limit;
        return { status: 'insufficient_credits', usageKey, balance, required: minimum, available: remaining, limitId };
      }
      case 'insufficient_credits':
        return { status: 'insufficient_credits', usageKey, balance, required: minimum, available: reply.available };
      case 'hold_limit':
        return { status: 'insufficient_credits', usageKey, balance, required: minimum, available: reply.most };
      case 'account_frozen':
      case 'too_many_holds':
        return { status: reply.status, balance };
      case 'hold_exists':
      case 'hold_resolved':
        throw new Error(`the new usage_key ${usageKey} was used before`);
      case 'unknown_limit':
      case 'no_hold_limit':
      case 'laxer_terms':
      case 'idempotency_mismatch':
        throw new Error(`a hold without a key and limits of its own was refused: ${reply.status}`);
    }
  }
  const account = await ledger.readBalance(accountId);
  const balance = walletBalance(account);
  // An account with debt is below 0, which is not enough even for a feature without a minimum (docs/contracts/credits-process.md#start).
  return account.available >= minimum && account.debt === ZERO
    ? { status: 'accessible', usageKey, balance, config }
    : { status: 'insufficient_credits', usageKey, balance, required: minimum, available: account.available };
}
