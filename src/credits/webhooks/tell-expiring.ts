import { deleteEvents, eventIdOf, insertEvents, type NewEvent } from '../../books/event.table.js';
import { grantIdOf } from '../../books/money-in.table.js';
import type { Clock } from '../../kit/clock.js';
import { EVENTS_KEPT_DAYS } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { forgetToldLots, takeExpiringLots, type ExpiringLot } from './told-lot.table.js';

export type TellExpiringDeps = {
  readonly db: Db;
  readonly clock: Clock;
  /** How long before the end of a lot its owner is told. */
  readonly aheadMs: number;
};

const BATCH_MAX = 500;
const BATCHES_MAX = 20;
const DAY_MS = 86_400_000;

/**
 * Writes `lot.expiring` for lots with credits that end within `aheadMs`, once per lot. A lot whose whole life is not twice as
 * long is told at half of it, so that one of a day is not told when it is granted.
 */
export async function tellExpiring({ db, clock, aheadMs }: TellExpiringDeps): Promise<{ readonly told: number }> {
  let told = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const nowMs = clock();
    const count = await db.transaction(async (trx) => {
      const lots = await takeExpiringLots(trx, { nowMs, aheadMs, limit: BATCH_MAX });
      await insertEvents(trx, lots.map((lot) => eventOf(lot, nowMs)));
      return lots.length;
    });
    told += count;
    if (count < BATCH_MAX) break;
  }
  return { told };
}

const eventOf = ({ accountId, lotId, remaining, held, expiresAtMs }: ExpiringLot, nowMs: number): NewEvent => ({
  eventId: eventIdOf('lot.expiring', accountId, lotId), accountId, type: 'lot.expiring', atMs: nowMs, threshold: null, ofAccount: false,
  data: {
    grant: grantIdOf(lotId), available: creditsText(remaining), held: creditsText(held), expiresAt: new Date(expiresAtMs).toISOString(),
  },
});

/** Deletes events from before their time, with their deliveries, and the notes of lots that have ended. */
export async function forgetEvents(db: Db, nowMs: number): Promise<{ readonly forgotten: number }> {
  let forgotten = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const removed = await deleteEvents(db, nowMs - EVENTS_KEPT_DAYS * DAY_MS, BATCH_MAX);
    forgotten += removed;
    if (removed < BATCH_MAX) break;
  }
  await forgetToldLots(db, nowMs - DAY_MS);
  return { forgotten };
}
