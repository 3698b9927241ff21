import { accounts } from './accounts.js';
import { entries, entryDetails } from './entries.js';
import { freezes } from './freezes.js';
import { changedHolds, placedHolds } from './holds.js';
import { limitWindows } from './limit-windows.js';
import { changedLots, openedLots } from './lots.js';
import { modelHours } from './model-hours.js';
import { lostRequests, moneyIn } from './money-in.js';
import { outbox } from './outbox.js';
import type { Projection } from './projection.js';
import { quarantine } from './quarantine.js';
import { transactions } from './transactions.js';
import { usageMinutes } from './usage-minutes.js';
import { collectedUsage, usageRecords } from './usage.js';

/**
 * Everything that the drain writes, except the cursors. A new table is a new file and one line here.
 *
 * The order matters for three pairs, of which the second waits for the first. `freezes` updates rows that `accounts` may just have
 * inserted. `changedHolds` comes before `placedHolds`, because a batch may end a hold and reuse its id, and an id may have only one
 * open hold. `collectedUsage` marks rows that `usageRecords` may just have inserted. `outbox` is the last, because it locks until the
 * commit.
 */
export const projections: readonly Projection[] = [
  entries,
  entryDetails,
  accounts,
  freezes,
  openedLots,
  changedLots,
  changedHolds,
  placedHolds,
  usageRecords,
  collectedUsage,
  modelHours,
  usageMinutes,
  limitWindows,
  transactions,
  moneyIn,
  lostRequests,
  quarantine,
  outbox,
];
