import { within } from '../kit/within.js';
import type { AccountSource, ChargeImage } from './account-image.js';
import type { ChargeReply } from './ledger.js';

export type RecallDeps = {
  readonly source: Pick<AccountSource, 'loadCharge'>;
  /** How long a charge waits for what Postgres remembers. */
  readonly recallMs: number;
  /** Told of each charge that went on without an answer. It must not throw. */
  readonly unrecalled: () => void;
};

/**
 * What Postgres remembers of a charge under this key, or null. Null as well when it cannot say in time: charges go on
 * without Postgres (README, "When things fail"), and then only what Redis remembers keeps a repeat from being charged.
 */
export async function recallCharge(
  { source, recallMs, unrecalled }: RecallDeps, accountId: string, key: string,
): Promise<ChargeImage | null> {
  try {
    return await within(recallMs, 'the look-up of a key', source.loadCharge(accountId, key));
  } catch {
    unrecalled();
    return null;
  }
}

/** Usage that was refused under this key and recorded as uncollected: not an answer, because its repeat is decided anew. */
export const isRefusal = ({ kind }: ChargeImage): boolean => kind === 'refuse_usage';

/** A charge that Postgres remembers, as the answer to a request under its key. */
export const replayOf = ({ seq, atMs, availableAfter, fingerprint }: ChargeImage, asked: string): ChargeReply =>
  (fingerprint === asked ? { status: 'charged', replayed: true, seq, atMs, available: availableAfter } : {
    status: 'idempotency_mismatch',
  });
