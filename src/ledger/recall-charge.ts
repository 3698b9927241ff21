import { within } from '../kit/within.js';
import type { Reply } from '../stores/redis/script.js';
import type { AccountSource, ChargeImage } from './account-image.js';
import type { AccountScripts } from './account-scripts.js';
import type { ChargeReply } from './ledger.js';

export type RecallDeps = {
  readonly source: Pick<AccountSource, 'loadCharge'>;
  /** How long a keyed operation waits for an earlier one from Postgres, in ms. */
  readonly recallMs: number;
  /** Called for each operation that continued without an answer. It must not throw. */
  readonly unrecalled: () => void;
};

/**
 * What Postgres has under this key, or null. Also null when Postgres does not answer in time: charges and holds continue
 * without Postgres (docs/operations.md#when-things-fail), and then only Redis prevents a repeat from being charged.
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

/**
 * Runs an operation on a hold under a key. When Redis may have forgotten the key, its receipt is restored from Postgres, if
 * there is one, and the operation runs again.
 */
export async function withReceipt(
  deps: RecallDeps & { readonly scripts: Pick<AccountScripts, 'restoreReceipt'> }, accountId: string, key: string,
  run: (recalled: 0 | 1) => Promise<Reply>,
): Promise<Reply> {
  const reply = await run(0);
  if (reply[0] !== 'receipt_needed') return reply;
  const made = await recallCharge(deps, accountId, key);
  if (made !== null) await deps.scripts.restoreReceipt(accountId, key, made);
  return run(1);
}

/** Refused usage that was recorded as uncollected under this key: not an answer, because a repeat is decided again. */
export const isRefusal = ({ kind }: ChargeImage): boolean => kind === 'refuse_usage';

/** A charge from Postgres, as the answer to a request under its key. */
export const replayOf = ({ seq, atMs, availableAfter, fingerprint }: ChargeImage, asked: string): ChargeReply =>
  (fingerprint === asked ? { status: 'charged', replayed: true, seq, atMs, available: availableAfter } : {
    status: 'idempotency_mismatch',
  });
