import { lotIdOf, readIntent } from '../../books/money-in.table.js';
import type { CallerKey } from '../../kit/caller.js';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { untyped } from '../../ledger/facts.js';
import type { About } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { MoneyIn } from './money-in.js';
import { changed, idempotencyOf, type ChangedCredits } from './money-request.js';

export type RevokeAllocationDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'revoke'> };

export type RevokeAllocationCommand = {
  /** An allocation is the lot that an intent opened; its id is the id of the intent. */
  readonly intentId: number;
  readonly key: CallerKey | null;
  readonly about: About;
};

export type RevokedAllocation = { readonly accountId: string; readonly change: ChangedCredits };

/**
 * Removes the rest of one allocation. Held credits of it stay with their hold and end with the hold.
 *
 * @throws GatewayError not_found (there is none, or nothing is left of it), account_frozen, idempotency_mismatch,
 *   ledger_unavailable (Postgres is down; nothing happened).
 */
export async function revokeAllocation(
  { db, moneyIn }: RevokeAllocationDeps, command: RevokeAllocationCommand,
): Promise<RevokedAllocation> {
  const { intentId, key, about } = command;
  const intent = await readIntent(db, intentId).catch((error: unknown) => { throw toGatewayError(error); });
  if (intent === null || intent.state === 'refused') throw new GatewayError('not_found', 'there is no such allocation');
  const { accountId } = intent;
  const lotId = lotIdOf(intentId);
  return {
    accountId,
    change: changed(await moneyIn.revoke({
      accountId, lotId, about,
      idempotency: idempotencyOf('revoke', key),
      fingerprint: fingerprint('revoke', accountId, lotId, untyped(about)),
    })),
  };
}
