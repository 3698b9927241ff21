import { readAccountLots } from '../books/account-lots.table.js';
import { readHistory } from '../books/history.js';
import type { Config } from '../config.js';
import { readChanges } from '../credits/changes/change.table.js';
import { keepChange } from '../credits/changes/keep-change.js';
import { chargeAccount } from '../credits/charges/charge-account.js';
import type { MoneyIn } from '../credits/grants/money-in.js';
import { grantLot, revokeGrant } from '../credits/grants/native-grants.js';
import { chargeMember } from '../credits/pools/charge-member.js';
import type { Pools } from '../credits/pools/pools.js';
import { readReceipt } from '../credits/receipts/read-receipt.js';
import { answerOnce } from '../credits/repeats/answer-once.js';
import { usageSeries } from '../credits/usage/usage-series.js';
import type { NativeDeps } from '../edge/v1/routes.js';
import type { Clock } from '../kit/clock.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import type { Core } from './core.js';
import { composeMoneyMoves } from './money-moves.js';
import { composeHolds } from './native-holds.js';

export type NativeParts = {
  readonly config: Config;
  readonly core: Core;
  readonly money: MoneyIn;
  readonly clock: Clock;
  readonly pools: Pick<Pools, 'payerOf'>;
  readonly plans: NativeDeps['plans'];
  readonly oversight: NonNullable<NativeDeps['oversight']>;
};

/** What the routes of `/v1` need (edge/v1/routes.ts). */
export function composeNative(
  { config, core, money, clock, pools, plans, oversight }: NativeParts,
): Omit<NativeDeps, 'clock' | 'refusals' | 'apiKeys' | 'batch'> {
  const { db, ledger, freshen, prices } = core;
  const book = () => prices.native();
  const writeLedger = async (accountId: string): Promise<boolean> =>
    (await core.drainNow([...new Set([accountId, pools.payerOf(accountId).accountId].map((id) => core.keys.shardOf(id)))]))
      .stopped.length === 0;
  const reading = { db, clock, book, bringUpToDate: (accountId: string) => freshen.account(accountId) };
  return {
    plans,
    oversight,
    prices: { books: prices, clock },
    moves: composeMoneyMoves(core, money, clock, pools),
    history: (query) => readHistory(db, query),
    writeLedger,
    holds: composeHolds({ config, core, clock, pools, writeLedger }),
    keepChange: (asked, work) => keepChange(db, asked, work),
    changes: { readChanges: (query) => readChanges(db, query).catch((error: unknown) => { throw toGatewayError(error); }) },
    answerOnce: (name, fingerprint, work) => answerOnce(db, name, fingerprint, work),
    accounts: {
      nameAccount: oversight.nameAccount,
      readReceipt: (accountId, seq) => readReceipt(reading, accountId, seq),
      readLots: async (query) => {
        await freshen.account(query.accountId);
        return readAccountLots(db, query).catch((error: unknown) => { throw toGatewayError(error); });
      },
    },
    usage: {
      usageSeries: usageSeries({
        db: core.reportDb,
        bringUpToDate: (accountId) => (accountId === null ? freshen.all() : freshen.account(accountId)).catch(() => undefined),
      }),
    },
    charges: {
      book,
      charge: (command) => chargeMember(pools, command, (named) => chargeAccount({ ledger, ...reading }, named)),
    },
    grants: {
      grantLot: (command) => grantLot({ db, moneyIn: money, clock }, command),
      revokeGrant: (command) => revokeGrant({ db, moneyIn: money }, command),
    },
  };
}
