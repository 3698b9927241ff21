import { within } from '../kit/within.js';
import type { AccountSource, ChargeImage } from './account-image.js';
import type { ChargeReply } from './ledger.js';

export type RecallDeps = {
  readonly source: Pick<AccountSource, 'loadCharge'>;
  /** How long a charge waits for an earlier charge from Postgres, in ms. */
  readonly recallMs: number;
  /** Called for each charge that continued without an answer. It must not throw. */
  readonly unrecalled: () => void;
};

/**
 * The charge that Postgres has under this key, or null. Also null when Postgres does not answer in time: charges continue
 * without Postgres (README, "When things fail"), and then only Redis prevents a repeat from being charged.
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

/** Refused usage that was recorded as uncollected under this key: not an answer, because a repeat is decided again. */
export const isRefusal = ({ kind }: ChargeImage): boolean => kind === 'refuse_usage';

/** A charge from Postgres, as the answer to a request under its key. */
export const replayOf = ({ seq, atMs, availableAfter, fingerprint }: ChargeImage, asked: string): ChargeReply =>
  (fingerprint === asked ? { status: 'charged', replayed: true, seq, atMs, available: availableAfter } : {
    status: 'idempotency_mismatch',
  });
