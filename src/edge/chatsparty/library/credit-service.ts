import { TransactionType, type Transaction, type TransactionReason } from '../../../books/transaction.js';
import { checkCredits } from '../../../credits/accounts/check-credits.js';
import type { MoneyIn } from '../../../credits/grants/money-in.js';
import { addCredits } from '../../../credits/statement/add-credits.js';
import type { ReadCreditProfile } from '../../../credits/statement/credit-profile.js';
import { creditStatistics, statisticsPeriod } from '../../../credits/statement/credit-statistics.js';
import { listTransactions, TRANSACTIONS_PAGE_MAX } from '../../../credits/statement/list-transactions.js';
import { useCredits } from '../../../credits/statement/use-credits.js';
import type { Freshen } from '../../../journal/freshen.js';
import type { CallerKey } from '../../../kit/caller.js';
import type { Clock } from '../../../kit/clock.js';
import { GatewayError, invalid } from '../../../kit/errors.js';
import { isAccountId, isStorable } from '../../../kit/ids.js';
import { NOTES_LENGTH_MAX } from '../../../kit/limits.js';
import { parseCredits, toCredits, sumToCredits, type SumOfMicros } from '../../../kit/money/credits.js';
import type { Micros } from '../../../kit/money/micros.js';
import type { Ledger } from '../../../ledger/ledger.js';
import type { Db } from '../../../stores/postgres/connect.js';
import { assertStorable, type Metadata } from '../../http/metadata.js';
import { respond, type ServiceResponse } from './service-response.js';

export type CreditServiceDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'charge' | 'readBalance' | 'readFunds'>;
  readonly moneyIn: Pick<MoneyIn, 'grant'>;
  readonly freshen: Pick<Freshen, 'account'>;
  readonly creditProfile: ReadCreditProfile;
  readonly clock: Clock;
  /** Called with unexpected errors; callers get a general message. */
  readonly onError: (error: unknown) => void;
};

export type UseCreditsParams = {
  readonly userId: string;
  readonly amount: number;
  readonly reason: TransactionReason;
  readonly description?: string | undefined;
  readonly metadata?: Metadata | undefined;
  /** Names this use: the same again is done once. */
  readonly idempotencyKey?: string | undefined;
};

export type AddCreditsParams = UseCreditsParams & { readonly transactionType: Exclude<TransactionType, 'USAGE'> };

export type TransactionHistoryParams = {
  readonly userId: string;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly startDate?: Date | undefined;
  readonly endDate?: Date | undefined;
  readonly transactionType?: TransactionType | undefined;
  readonly reason?: TransactionReason | undefined;
  readonly orderBy?: 'createdAt' | 'amount' | undefined;
  readonly orderDirection?: 'asc' | 'desc' | undefined;
};

export type CreditBalance = {
  readonly creditsBalance: number;
  readonly creditsUsed: number;
  /** Null while Postgres is down and the profile was not read before; the same holds for the next two fields. */
  readonly creditsPurchased: number | null;
  readonly creditPlan: string | null;
  readonly lastCreditRefillAt: Date | null;
};

export type CreditTransaction = {
  readonly id: string;
  readonly userId: string;
  readonly amount: number;
  readonly transactionType: TransactionType;
  readonly reason: TransactionReason;
  readonly description: string | null;
  readonly transactionMetadata: unknown;
  readonly balanceAfter: number;
  readonly createdAt: Date;
};

export type CreditValidation = {
  readonly hasEnoughCredits: boolean;
  readonly currentBalance: number;
  readonly requiredCredits: number;
  readonly shortfall?: number;
};

export type CreditUsageStatistics = {
  readonly totalCreditsUsed: number;
  readonly totalCreditsPurchased: number;
  readonly currentBalance: number;
  readonly transactionCount: number;
  readonly periodStart: Date;
  readonly periodEnd: Date;
  readonly breakdown: { readonly byType: Readonly<Record<string, number>>; readonly byReason: Readonly<Record<string, number>> };
};

const PAGE_DEFAULT = 50;
const ACTOR = 'library';

/** The credit service of seed 004 for code inside this project: its method names over the use cases, and nothing else. */
export class CreditService {
  readonly #deps: CreditServiceDeps;

  constructor(deps: CreditServiceDeps) {
    this.#deps = deps;
  }

  getCreditBalance(userId: string): Promise<ServiceResponse<CreditBalance>> {
    return this.#respond('Failed to get credit balance', async () => {
      const accountId = accountOf(userId);
      const [{ available, totals }, profile] = await Promise.all([
        this.#deps.ledger.readFunds(accountId), this.#deps.creditProfile(accountId),
      ]);
      return {
        creditsBalance: toCredits(available),
        creditsUsed: toCredits(totals.captured),
        creditsPurchased: profile === null ? null : toCredits(profile.purchased),
        creditPlan: profile?.plan ?? null,
        lastCreditRefillAt: dateOf(profile?.lastRefillAtMs ?? null),
      };
    });
  }

  /** Takes credits for a use, or refuses and takes nothing. */
  useCredits(
    { userId, amount, reason, description, metadata, idempotencyKey }: UseCreditsParams,
  ): Promise<ServiceResponse<CreditTransaction>> {
    return this.#respond('Failed to use credits', async () => {
      const { transaction } = await useCredits(this.#deps, {
        accountId: accountOf(userId), amount: amountOf(amount), reason, description: textOf(description),
        metadata: metadataOf(metadata), price: '', key: namedBy(idempotencyKey),
      });
      return present(transaction);
    });
  }

  /** Adds credits that never expire. */
  addCredits(
    { userId, amount, transactionType, reason, description, metadata, idempotencyKey }: AddCreditsParams,
  ): Promise<ServiceResponse<CreditTransaction>> {
    return this.#respond('Failed to add credits', async () => {
      const added = await addCredits(this.#deps, {
        accountId: accountOf(userId), amount: amountOf(amount), type: transactionType, reason, description: textOf(description),
        metadata: metadataOf(metadata),
        key: namedBy(idempotencyKey), actor: ACTOR,
      });
      if (added.status === 'pending') {
        throw new GatewayError('ledger_unavailable', 'the credits are recorded and will be added shortly', { outcome: 'unknown' });
      }
      return present(added.transaction);
    });
  }

  /** Whether the credits are available now. Reserves nothing: use credits, or place a hold, to be sure. */
  validateCredits(userId: string, amount: number): Promise<ServiceResponse<CreditValidation>> {
    return this.#respond('Failed to validate credits', async () => {
      const { sufficient, available, required, difference } = await checkCredits(this.#deps, {
        accountId: accountOf(userId), required: amountOf(amount),
      });
      return {
        hasEnoughCredits: sufficient, currentBalance: toCredits(available), requiredCredits: toCredits(required),
        ...(sufficient ? {} : { shortfall: -toCredits(difference) }),
      };
    });
  }

  getTransactionHistory(
    params: TransactionHistoryParams,
  ): Promise<ServiceResponse<{ readonly transactions: readonly CreditTransaction[]; readonly total: number }>> {
    return this.#respond('Failed to get transaction history', async () => {
      const { userId, startDate, endDate, transactionType = null, reason = null, orderBy = 'createdAt', orderDirection = 'desc' } = params;
      const { transactions, total } = await listTransactions(this.#deps, {
        accountId: accountOf(userId), type: transactionType, reason, orderBy, direction: orderDirection, after: null,
        fromMs: startDate?.getTime() ?? null, toMs: endDate === undefined ? null : endDate.getTime() + 1,
        limit: wholeNumber('limit', params.limit ?? PAGE_DEFAULT, 1, TRANSACTIONS_PAGE_MAX),
        offset: wholeNumber('offset', params.offset ?? 0, 0, Number.MAX_SAFE_INTEGER),
      });
      return { transactions: transactions.map(present), total };
    });
  }

  /** Totals of all time, and what happened in a period: the last 30 days unless told otherwise. */
  getCreditStatistics(userId: string, startDate?: Date, endDate?: Date): Promise<ServiceResponse<CreditUsageStatistics>> {
    return this.#respond('Failed to get credit statistics', async () => {
      const period = statisticsPeriod(
        startDate?.getTime() ?? null, endDate === undefined ? null : endDate.getTime() + 1, this.#deps.clock(),
      );
      const sums = await creditStatistics(this.#deps, { accountId: accountOf(userId), ...period });
      return {
        totalCreditsUsed: toCredits(sums.used), totalCreditsPurchased: toCredits(sums.purchased), currentBalance: toCredits(sums.balance),
        transactionCount: sums.count, periodStart: new Date(period.fromMs), periodEnd: new Date(period.shownEndMs),
        breakdown: { byType: inCredits(sums.byType), byReason: inCredits(sums.byReason) },
      };
    });
  }

  #respond<T>(fallback: string, work: () => Promise<T>): Promise<ServiceResponse<T>> {
    return respond(fallback, this.#deps.onError, work);
  }
}

const present = ({ id, accountId, atMs, type, reason, amount, balanceAfter, description, metadata }: Transaction): CreditTransaction => ({
  id: String(id), userId: accountId, amount: toCredits(amount), transactionType: type, reason, description,
  transactionMetadata: metadata === null ? null : JSON.parse(metadata) as unknown, balanceAfter: toCredits(balanceAfter),
  createdAt: new Date(atMs),
});

/** The library is one caller: all code that embeds it shares its idempotency keys. */
const namedBy = (key: string | undefined): CallerKey | null => (key === undefined ? null : { caller: ACTOR, key });

const dateOf = (atMs: number | null): Date | null => (atMs === null ? null : new Date(atMs));

const inCredits = (amounts: ReadonlyMap<string, SumOfMicros>): Record<string, number> =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name, sumToCredits(amount)]));

function accountOf(userId: string): string {
  if (!isAccountId(userId)) throw new GatewayError('account_not_found', 'User not found');
  return userId;
}

function amountOf(amount: number): Micros {
  const parsed = typeof amount === 'number' ? parseCredits(amount) : 'not_a_number';
  if (typeof parsed === 'string' || parsed === 0) throw invalid('amount', 'Invalid amount');
  return parsed;
}

function textOf(description: string | undefined): string | null {
  if (description === undefined) return null;
  if (description.length > NOTES_LENGTH_MAX || !isStorable(description)) {
    throw invalid('description', `description must have at most ${NOTES_LENGTH_MAX} characters, none of them NUL`);
  }
  return description;
}

function metadataOf(metadata: Metadata | undefined): Metadata | null {
  if (metadata === undefined) return null;
  assertStorable(metadata, 'Invalid metadata');
  return metadata;
}

function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalid(name, `${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}
