import type { CallerKey } from '../../kit/caller.js';
import { fingerprint } from '../../kit/ids.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import { chargeKey } from '../../ledger/charge-key.js';
import { untyped, writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { chargeRefusal } from '../charges/charge-refusal.js';

export type RecordUsageDeps = { readonly ledger: Ledger; readonly mode: 'charge' | 'log' };

export type RecordUsage = {
  readonly accountId: string;
  readonly service: string;
  readonly operation: string;
  readonly credits: Micros;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The caller says that it was deducted before: then it consumes a deduction of the same amount, if there is one. */
  readonly saysDeducted: boolean;
  /** The caller's name for this record, or null: then each call records once more. */
  readonly key: CallerKey | null;
};

export type UsageRecord = { readonly id: number; readonly atMs: number; readonly available: Micros; readonly replayed: boolean };

/**
 * Records the usage of a service and, in `charge` mode, charges it in the same step (docs/contracts/README.md#c-01). In `log` mode it only
 * writes the row, for callers that have already deducted. A record that says it was deducted consumes that deduction and is
 * not charged; each deduction is consumed once. Without such a deduction the record is charged.
 *
 * @throws GatewayError insufficient_credits (nothing was taken; the usage is kept as uncollected), idempotency_mismatch, account_frozen,
 *   ledger_unavailable.
 */
export async function recordUsage({ ledger, mode }: RecordUsageDeps, command: RecordUsage): Promise<UsageRecord> {
  const { accountId, service, operation, credits, metadata, saysDeducted, key } = command;
  const charged = mode === 'charge';
  const usage = charged ? { service, operation, metadata } : { service, operation, metadata, credits };
  const about = writeFacts({ type: 'use', usage });
  const reply = await ledger.charge({
    accountId,
    amount: charged ? credits : ZERO,
    key: chargeKey('usage', key),
    fingerprint: fingerprint('usage', mode, credits, untyped(about)),
    price: '',
    about,
    spending: { model: operation, feature: service },
    purpose: saysDeducted && charged ? 'deducted_usage' : 'usage',
  });
  if (reply.status !== 'charged') throw chargeRefusal(reply, credits);
  return { id: reply.seq, atMs: reply.atMs, available: reply.available, replayed: reply.replayed };
}
