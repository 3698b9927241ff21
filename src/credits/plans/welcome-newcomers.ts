import { TransactionReason, TransactionType, writeTransactionAbout } from '../../books/transaction.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn } from '../grants/money-in.js';
import { decideWelcome, readNewcomers } from './newcomer.table.js';

export type WelcomeDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant'>; readonly amount: Micros };

/** Newcomers of one run: each costs two commits, and the next run is a second away. */
const NEWCOMERS_PER_RUN_MAX = 200;

/**
 * Gives everybody whose first token was seen lately the welcome credits, once ever (contract C-18): under a name of the
 * account's own in Postgres, so that it may run twice, at once, and die anywhere. Whoever comes while there are none to
 * give gets none later either: a bonus that is introduced is for those who come after it.
 *
 * @throws GatewayError ledger_unavailable, or pg's error: what was not done comes up again.
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
      // Not of the amount: who was welcomed before it was changed is welcome all the same, and once.
      fingerprint: fingerprint('welcome', accountId),
      about: writeTransactionAbout(
        { type: TransactionType.BONUS, reason: TransactionReason.WELCOME_BONUS, description: 'Welcome bonus', metadata: null },
        { source: 'welcome', actor: 'system-welcome', reason: 'welcome' },
      ),
    });
    // A frozen account stays a newcomer until it thaws.
    if (result.status !== 'refused') welcomed.push(accountId);
  }
  await decideWelcome(db, welcomed, 'granted');
  return { welcomed: welcomed.length };
}
