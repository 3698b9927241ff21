import { ledger } from './0001_ledger.js';
import { users } from './0002_users.js';
import { usageRollups } from './0003_usage_rollups.js';
import { prices } from './0004_prices.js';
import { transactionsAndPlans } from './0005_transactions_plans.js';
import { creditsProcess } from './0006_credits_process.js';
import { refusals } from './0007_refusals.js';
import { oversight } from './0008_oversight.js';

/** One forward step of the schema. A step that has been released never changes; the next one corrects it. */
export type Migration = { readonly name: string; readonly sql: string };

/** In the order in which they run. */
export const migrations: readonly Migration[] = [
  { name: '0001_ledger', sql: ledger },
  { name: '0002_users', sql: users },
  { name: '0003_usage_rollups', sql: usageRollups },
  { name: '0004_prices', sql: prices },
  { name: '0005_transactions_plans', sql: transactionsAndPlans },
  { name: '0006_credits_process', sql: creditsProcess },
  { name: '0007_refusals', sql: refusals },
  { name: '0008_oversight', sql: oversight },
];
