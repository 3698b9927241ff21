import { LOTS_PER_ACCOUNT_MAX, MONEY_IN_RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import { microsToText } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import { stepKeys, type OperationDeps } from './account-scripts.js';
import type { AccountKeys } from './keys.js';
import type { Ledger } from './ledger.js';
import { amountAt, isReplayed, undocumented } from './replies.js';
import type { RefundPart } from './return-commands.js';
import { receiveLotsScript, refundScript } from './scripts.js';

/** The operations of the ledger's port that give back what was captured, or bring what another account gave. */
export function returnOperations({ scripts, keys, written }: OperationDeps): Pick<Ledger, 'refund' | 'receiveLots'> {
  const keysOf = (key: string) => (account: AccountKeys) => ({ ...stepKeys(account), receipt: account.receipt(key) });
  /** `<status> replayed previous available debt_paid` */
  const applied = <Status extends string>(accountId: string, status: Status, reply: Reply) => {
    const replayed = isReplayed(reply);
    if (!replayed) written(keys.shardOf(accountId));
    return { status, replayed, previous: amountAt(reply, 2), available: amountAt(reply, 3), debtPaid: amountAt(reply, 4) };
  };

  return {
    async refund({ accountId, lotId, amount, parts, graceMs, debtGraceMs, holdId, key, about }) {
      const reply = await scripts.run(refundScript, accountId, keysOf(key), {
        lot_id: lotId, amount: microsToText(amount), parts: refundPartsText(parts), grace_ms: graceMs ?? '', debt_grace_ms: debtGraceMs,
        hold_id: holdId, key, about, receipt_ttl_seconds: MONEY_IN_RECEIPT_TTL_SECONDS,
      });
      const status = reply[0];
      switch (status) {
        case 'refunded':
          return applied(accountId, status, reply);
        case 'not_captured':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('refund', reply);
      }
    },

    async receiveLots({ accountId, lots, key, about }) {
      const reply = await scripts.run(receiveLotsScript, accountId, keysOf(key), {
        new_lots: lots.map(({ lotId, amount, expiresAtMs, rule }) =>
          withRule([lotId, microsToText(amount), expiresAtMs ?? 'inf'], rule)).join(','),
        key, about, receipt_ttl_seconds: MONEY_IN_RECEIPT_TTL_SECONDS, lots_max: LOTS_PER_ACCOUNT_MAX,
      });
      const status = reply[0];
      switch (status) {
        case 'received':
          return applied(accountId, status, reply);
        case 'too_many_lots':
        case 'balance_limit':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('receive-lots', reply);
      }
    },
  };
}

/** `lot:amount:lot_amount:expires_at_ms:granted_at_ms[:rule],…`, and `debt:amount` for what was captured as debt. */
const refundPartsText = (parts: readonly RefundPart[]): string => parts.map((part) => (part.lotId === null
  ? `debt:${microsToText(part.amount)}`
  : withRule([
    part.lotId, microsToText(part.amount), microsToText(part.lotAmount), part.expiresAtMs ?? 'inf', part.grantedAtMs,
  ], part.rule)))
  .join(',');

const withRule = (facts: readonly (string | number)[], rule = ''): string => [...facts, ...(rule === '' ? [] : [rule])].join(':');
