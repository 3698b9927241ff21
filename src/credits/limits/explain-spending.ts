import type { Expiry } from '../../books/entry.table.js';
import type { Freeze } from '../../books/frozen-account.table.js';
import type { Freshen } from '../../journal/freshen.js';
import { GatewayError } from '../../kit/errors.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import type { Balance } from '../../ledger/account-snapshot.js';
import type { Ledger, LimitUse } from '../../ledger/ledger.js';
import type { Spending } from '../../ledger/limits.js';
import type { AccountTerms } from '../../ledger/account-terms.js';
import { usableIn } from '../../ledger/lot-rule.js';

export type ExplainDeps = {
  /** What the gateway allows holds of an account without terms of its own. */
  readonly gatewayTerms: AccountTerms;
  readonly ledger: Pick<Ledger, 'readFunds' | 'readLimits'>;
  readonly freshen: Pick<Freshen, 'account'>;
  readonly readFreeze: (accountId: string) => Promise<Freeze | null>;
  /** The last expiries of an account, the latest first. */
  readonly readExpiries: (accountId: string) => Promise<readonly Expiry[]>;
};

export type Explained = {
  readonly balance: Balance;
  /** The part of what is available that is in lots for this model and feature, or for anything. */
  readonly usable: Micros;
  readonly limits: readonly LimitUse[];
  /** Null: a hold or charge of the amount would pass now. */
  readonly refusedBy:
    | { readonly kind: 'frozen' }
    /** `restriction`: enough is available, but too much of it is for other models or features. */
    | { readonly kind: 'balance' | 'restriction'; readonly shortBy: Micros }
    /** One hold of the account may not have so much; a charge may. */
    | { readonly kind: 'max_hold'; readonly shortBy: Micros }
    | { readonly kind: 'limit'; readonly limitId: string; readonly shortBy: Micros; readonly resetsAtMs: number | null }
    | null;
  /** By what holds are placed now: the account's terms, or else those of the gateway. */
  readonly terms: AccountTerms;
  readonly frozen: boolean;
  /** Who froze it; also null while Postgres does not answer. */
  readonly freeze: Freeze | null;
  /** Empty also while Postgres does not answer. */
  readonly expired: readonly Expiry[];
};

/**
 * Whether an account could spend `amount` now, and why not: by the same rule as the scripts, the tightest refuses. A read: what
 * happens in between decides anew.
 *
 * @throws GatewayError ledger_unavailable
 */
export async function explainSpending(deps: ExplainDeps, accountId: string, amount: Micros, spending: Spending): Promise<Explained> {
  const account = await deps.ledger.readFunds(accountId);
  const limits = await deps.ledger.readLimits(accountId, spending);
  const told = await tellFromBooks(deps, accountId, account.frozen);
  const tightest = limits.filter(({ mode }) => mode === 'refuse')
    .reduce<LimitUse | null>((least, each) => (least === null || each.remaining < least.remaining ? each : least), null);
  const usable = usableIn(account.lots, spending);
  const terms = termsNow(deps.gatewayTerms, account.terms);
  const common = { balance: account, usable, limits, terms, frozen: account.frozen, ...told };
  if (account.frozen) return { ...common, refusedBy: { kind: 'frozen' } };
  if (terms.maxHold !== null && amount > terms.maxHold) {
    return { ...common, refusedBy: { kind: 'max_hold', shortBy: micros(amount - terms.maxHold) } };
  }
  if (tightest !== null && tightest.remaining < Math.min(amount, usable)) {
    const { limitId, remaining, resetsAtMs } = tightest;
    return { ...common, refusedBy: { kind: 'limit', limitId, shortBy: micros(amount - remaining), resetsAtMs } };
  }
  if (usable < amount) {
    return { ...common, refusedBy: { kind: account.available < amount ? 'balance' : 'restriction', shortBy: micros(amount - usable) } };
  }
  return { ...common, refusedBy: null };
}

/** As lua/includes/terms.lua has it: the lower of both maxima, and the account's rule in place of the gateway's. */
function termsNow(gateway: AccountTerms, own: AccountTerms): AccountTerms {
  const maxima = [gateway.maxHold, own.maxHold].filter((amount) => amount !== null);
  const overCapture = own.overCapture ?? gateway.overCapture;
  return {
    maxHold: maxima.length === 0 ? null : micros(Math.min(...maxima)), overCapture,
    debtLimit: overCapture === 'debt' ? own.debtLimit ?? gateway.debtLimit : null,
  };
}

async function tellFromBooks(
  { freshen, readFreeze, readExpiries }: ExplainDeps, accountId: string, frozen: boolean,
): Promise<Pick<Explained, 'freeze' | 'expired'>> {
  try {
    await freshen.account(accountId);
    return { freeze: frozen ? await readFreeze(accountId) : null, expired: await readExpiries(accountId) };
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'ledger_unavailable') return { freeze: null, expired: [] };
    throw error;
  }
}
