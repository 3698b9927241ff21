import type { HoldRow } from '../holds/hold.table.js';
import type { HistoryEntry } from '../journal/entry.table.js';
import type { HistoryPage, HistoryQuery } from '../journal/history.js';
import type { AccountSnapshot } from '../ledger/ledger.js';
import type { AccountPlan } from '../plans/plan.js';
import type { ForcedEnd, ForceEndHold } from '../holds/force-end-hold.js';
import type { AdjustCreditsCommand } from '../lots/adjust-credits.js';
import type { GrantCreditsCommand, GrantedCredits } from '../lots/grant-credits.js';
import type { ChangedCredits } from '../lots/money-request.js';
import type { Micros } from '../money/micros.js';

/** A minute's refusals of one kind (src/refusals). */
export type Refusal = {
  readonly accountId: string;
  readonly minuteMs: number;
  readonly reason: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly message: string;
  readonly requestId: string;
};

export type RefusalQuery = { readonly accountId: string; readonly fromMs?: number; readonly toMs?: number; readonly limit: number };
export type NamedAccount = { readonly accountId: string; readonly username: string | null; readonly email: string | null };
/** Who froze an account, and why, as far as it was said. */
export type Freeze = { readonly reason: string | null; readonly actor: string | null; readonly atMs: number };
export type Frozen = AccountSnapshot & { readonly frozen?: boolean };

/** A hold's rows in Postgres: null until the journal has arrived; entries in the order they happened. */
export type HoldLife = { readonly row: HoldRow; readonly entries: readonly HistoryEntry[] };

/** What the pages about accounts read. */
export type AccountReads = {
  /** The account that a text means; several where it names several. */
  readonly find: (text: string) => Promise<readonly NamedAccount[]>;
  readonly profile: (accountId: string) => Promise<NamedAccount | null>;
  readonly snapshot: (accountId: string) => Promise<Frozen>;
  readonly history: (query: HistoryQuery) => Promise<HistoryPage>;
  readonly plan: (accountId: string) => Promise<AccountPlan | null>;
  readonly hold: (accountId: string, holdId: string) => Promise<HoldLife | null>;
  /** Undefined: this gateway keeps none. */
  readonly refusals?: ((query: RefusalQuery) => Promise<readonly Refusal[]>) | undefined;
  readonly freezeOf?: ((accountId: string) => Promise<Freeze | null>) | undefined;
};

export type FreezeCommand = { readonly accountId: string; readonly reason: string; readonly actor: string };

/** What an operator can do: each one use case. */
export type OperatorActions = {
  readonly grant: (command: GrantCreditsCommand) => Promise<GrantedCredits>;
  readonly adjust: (command: AdjustCreditsCommand) => Promise<ChangedCredits>;
  readonly settle: (command: ForceEndHold & { readonly cost: Micros }) => Promise<ForcedEnd>;
  readonly void: (command: ForceEndHold) => Promise<ForcedEnd>;
  /** Undefined: accounts cannot be frozen here. */
  readonly freeze?: ((command: FreezeCommand) => Promise<unknown>) | undefined;
  readonly thaw?: ((command: FreezeCommand) => Promise<unknown>) | undefined;
};
