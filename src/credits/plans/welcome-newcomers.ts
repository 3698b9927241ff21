import { TransactionReason, TransactionType } from '../../books/transaction.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn } from '../grants/money-in.js';
import { decideWelcome, readNewcomers } from './newcomer.table.js';

export type WelcomeDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant'>; readonly amount: Micros };

/** Accounts of one run. Each needs two commits, and the next run follows in a second. */
const NEWCOMERS_PER_RUN_MAX = 200;

/**
 * Grants the welcome credits to accounts whose first token was seen recently, once per account (docs/contracts/README.md#c-18). The key in
 * Postgres is the account's own, so runs may overlap or crash at any point. An account that first came while
 * WELCOME_CREDITS was 0 gets none later.
 *
 * @throws GatewayError ledger_unavailable, or an error of pg: the next run continues.
 */
export async function welcomeNewcomers({ db, moneyIn, amount }: WelcomeDeps): Promise<{ readonly welcomed: number }> {
  const newcomers = await readNewcomers(db, NEWCOMERS_PER_RUN_MAX);
  if (amount === 0) {
    await decideWelcome(db, newcomers, 'none');
    return { welcomed: 0 };
  }
  const welcomed: string[] = [];
  for (const accountId of newcomers) {
    const result = await moneyIn.grant({
      accountId, amount, expiresAtMs: null, retriesRefused: true,
      idempotency: { scope: 'welcome', key: accountId },
      // The fingerprint leaves out the amount: after a change of it, accounts that were welcomed before get nothing more.
      fingerprint: fingerprint('welcome', accountId),
      about: writeFacts({
        type: 'change', source: 'welcome', actor: 'system-welcome', reason: 'welcome',
        transaction: {
          type: TransactionType.BONUS, reason: TransactionReason.WELCOME_BONUS, description: 'Welcome bonus', metadata: null,
        },
      }),
    });
    // A frozen account is tried again until it is thawed.
    if (result.status !== 'refused') welcomed.push(accountId);
  }
  await decideWelcome(db, welcomed, 'granted');
  return { welcomed: welcomed.length };
}
