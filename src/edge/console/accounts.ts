import type { BalancePoint } from '../../books/balance-at.table.js';
import type { HistoryEntry } from '../../books/entry.table.js';
import type { Freeze } from '../../books/frozen-account.table.js';
import type { HistoryPage, HistoryQuery } from '../../books/history.js';
import type { HoldRow } from '../../books/hold.table.js';
import type { FreezeCommand, Frozen } from '../../credits/accounts/freeze-account.js';
import type { AdjustCreditsCommand } from '../../credits/grants/adjust-credits.js';
import type { GrantCreditsCommand, GrantedCredits } from '../../credits/grants/grant-credits.js';
import type { ChangedCredits } from '../../credits/grants/money-request.js';
import type { ForcedEnd, ForceEndHold } from '../../credits/holds/force-end-hold.js';
import type { AccountPlan } from '../../credits/plans/plan.js';
import type { Refusal } from '../../credits/refusals/refusal.js';
import type { RefusalsQuery } from '../../credits/refusals/refusal.table.js';
import type { Comparison } from '../../journal/reconcile/comparison.js';
import type { Micros } from '../../kit/money/micros.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';

export type NamedAccount = { readonly accountId: string; readonly username: string | null; readonly email: string | null };

/** A hold as Postgres has it, with its entries in the order they were written. */
export type HoldLife = { readonly row: HoldRow; readonly entries: readonly HistoryEntry[] };

/** What the pages about accounts read. */
export type AccountReads = {
  /** The accounts whose id, username or e-mail is `text`. */
  readonly find: (text: string) => Promise<readonly NamedAccount[]>;
  readonly profile: (accountId: string) => Promise<NamedAccount | null>;
  readonly snapshot: (accountId: string) => Promise<AccountSnapshot>;
  readonly history: (query: HistoryQuery) => Promise<HistoryPage>;
  /** The balance after each of the last entries. */
  readonly balances: (accountId: string) => Promise<readonly BalancePoint[]>;
  readonly plan: (accountId: string) => Promise<AccountPlan | null>;
  /** Null until the journal entry of the hold has been drained to Postgres. */
  readonly hold: (accountId: string, holdId: string) => Promise<HoldLife | null>;
  readonly refusals: (query: RefusalsQuery) => Promise<readonly Refusal[]>;
  /** Null when the account is not frozen, or its freeze has not been drained to Postgres yet. */
  readonly freezeOf: (accountId: string) => Promise<Freeze | null>;
};

/** What an operator can do. Each is one use case. */
export type OperatorActions = {
  readonly grant: (command: GrantCreditsCommand) => Promise<GrantedCredits>;
  readonly adjust: (command: AdjustCreditsCommand) => Promise<ChangedCredits>;
  readonly settle: (command: ForceEndHold & { readonly cost: Micros }) => Promise<ForcedEnd>;
  readonly void: (command: ForceEndHold) => Promise<ForcedEnd>;
  readonly freeze: (command: FreezeCommand) => Promise<Frozen>;
  readonly thaw: (command: FreezeCommand) => Promise<Frozen>;
  /** Compares Redis and Postgres, and stores the differences as findings. */
  readonly compare: (accountId: string) => Promise<Comparison>;
};
