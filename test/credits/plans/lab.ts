import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../../src/books/transaction.js';
import { moneyIn, type MoneyIn } from '../../../src/credits/grants/money-in.js';
import { definePlan, type PlanDeps } from '../../../src/credits/plans/manage-plans.js';
import type { Plan } from '../../../src/credits/plans/plan.js';
import { readTransactions } from '../../../src/credits/statement/list-transactions.js';
import { micros, MICROS_PER_CREDIT, type Micros } from '../../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

export const credits = (amount: number): Micros => micros(amount * MICROS_PER_CREDIT);
export const SECOND_MS = 1_000;

/** Plans on the real ledger and Postgres, with a clock that can be moved. */
export type PlanLab = PlanDeps & {
  readonly under: DurableLedger;
  readonly moneyIn: MoneyIn;
  advance(ms: number): void;
  account(): string;
  plan(more?: Partial<Plan>): Promise<Plan>;
  /** The account's statement, oldest first, in credits. */
  statement(accountId: string): Promise<[type: string, reason: string, amount: number][]>;
  lines(accountId: string): Promise<readonly Transaction[]>;
  available(accountId: string): Promise<number>;
  close(): Promise<void>;
};

export async function planLab(): Promise<PlanLab> {
  const under = await durableLedger();
  let offsetMs = 0;
  const lines = async (accountId: string): Promise<readonly Transaction[]> => {
    await under.drain();
    const page = await readTransactions(under.db, {
      accountId, type: null, reason: null, fromMs: null, toMs: null, orderBy: 'createdAt', direction: 'asc', limit: 1_000,
      offset: 0, after: null,
    });
    return page.transactions;
  };
  const lab: PlanLab = {
    under, lines,
    db: under.db,
    freshen: { account: () => under.drain() },
    moneyIn: moneyIn({ db: under.db, ledger: under.ledger }),
    clock: () => Date.now() + offsetMs,
    advance: (ms) => {
      offsetMs += ms;
      under.advance(ms);
    },
    account: () => `planned-${randomUUID().slice(0, 8)}`,
    plan: (more = {}) => definePlan(lab, {
      planId: `p-${randomUUID().slice(0, 8)}`, name: 'Pro', amount: credits(100), period: { unit: 'seconds', seconds: 1_000 },
      mode: 'roll_over', missed: more.mode === 'reset' ? 'latest' : 'each',
      expiresAfterSeconds: null, ...more,
    }, 'root'),
    statement: async (accountId) => (await lines(accountId)).map(({ type, reason, amount }) => [type, reason, amount / MICROS_PER_CREDIT]),
    available: async (accountId) => (await under.ledger.readBalance(accountId)).available / MICROS_PER_CREDIT,
    close: () => under.close(),
  };
  return lab;
}
