import { DUE_HOLDS_AT_ONCE, EXTENSION_RECEIPT_TTL_SECONDS, REPORT_JOURNALED_EVERY_MS } from '../kit/limits.js';
import { microsToText, ZERO } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import type { OperationDeps } from './account-scripts.js';
import { holdKeyText } from './charge-key.js';
import { holdKeys, keyedHoldKeys } from './hold-keys.js';
import type { ExtendHold, ExtendHoldReply, LeaseOperations, ReportProgress, ReportProgressReply } from './lease-port.js';
import { withReceipt, type RecallDeps } from './recall-charge.js';
import { amountAt, decodeLeased, decodeOutcome, decodeRefusal, isReplayed, textAt, undocumented } from './replies.js';
import { extendHoldScript, readHoldScript, reportProgressScript } from './scripts.js';

export type LeaseDeps = OperationDeps & RecallDeps & {
  /** Runs a script; while it names overdue holds that block it, ends those and runs it again. */
  readonly pastDueHolds: (accountId: string, run: () => Promise<Reply>) => Promise<Reply>;
};

/** The operations of the ledger's port on open holds. */
export function leaseOperations(deps: LeaseDeps): LeaseOperations {
  const { scripts, keys, written, pastDueHolds } = deps;
  /** Runs a script; a hold that Redis does not have may have ended long ago, which Postgres knows. */
  const onHold = async (accountId: string, holdId: string, run: () => Promise<Reply>): Promise<Reply> => {
    const reply = await pastDueHolds(accountId, run);
    if (reply[0] !== 'hold_not_found' || !(await scripts.restoreHold(accountId, holdId))) return reply;
    return pastDueHolds(accountId, run);
  };

  const renewal = (
    { holdId, leaseMs, defaultLeaseMs, price, about, holdMax = null, by = 'user', keyLimit = '' }: ExtendHold | ReportProgress,
  ) => ({
    hold_id: holdId, price: price ?? '', lease_ms: leaseMs ?? '', default_lease_ms: defaultLeaseMs, about, principal: by,
    due_holds_max: DUE_HOLDS_AT_ONCE, hold_max: holdMax === null ? '' : microsToText(holdMax), key_limit: keyLimit,
  });

  return {
    async extendHold(command) {
      const { accountId, holdId, mode, minimum, desired, fingerprint } = command;
      const key = command.key === null ? '' : holdKeyText('extend', holdId, command.key);
      const run = (recalled: 0 | 1): Promise<Reply> => scripts.run(extendHoldScript, accountId, keyedHoldKeys(holdId, key), {
        ...renewal(command), mode, minimum: microsToText(minimum), desired: microsToText(desired), key, fingerprint,
        receipt_ttl_seconds: EXTENSION_RECEIPT_TTL_SECONDS, recalled,
      });
      const reply = await withReceipt(deps, accountId, key, (recalled) => onHold(accountId, holdId, () => run(recalled)));
      const decoded = decodeExtended(reply);
      if (decoded.status === 'extended' && !decoded.replayed) written(keys.shardOf(accountId));
      return decoded;
    },

    async reportProgress(command) {
      const { accountId, holdId, reported, usage, raiseTo } = command;
      const reply = await onHold(accountId, holdId, () => scripts.run(reportProgressScript, accountId, holdKeys(holdId), {
        ...renewal(command), reported: microsToText(reported), usage, raise_to: microsToText(raiseTo ?? ZERO),
        journal_every_ms: REPORT_JOURNALED_EVERY_MS,
      }));
      if (reply[0] === 'reported' && reply[reply.length - 1] !== '') written(keys.shardOf(accountId));
      return decodeReported(reply);
    },

    async readHold(accountId, holdId) {
      const reply = await onHold(accountId, holdId, () => scripts.run(readHoldScript, accountId, (account) => ({
        fence: account.fence, account: account.account, hold: account.hold(holdId),
      }), { hold_id: holdId }));
      const status = reply[0];
      switch (status) {
        case 'hold':
          return { status: 'open', hold: decodeLeased(reply, 1) };
        case 'hold_resolved':
          return { status: 'ended', outcome: decodeOutcome(reply, 1) };
        case 'hold_not_found':
          return { status };
        default:
          throw undocumented('read-hold', reply);
      }
    },
  };
}

function decodeExtended(reply: Reply): ExtendHoldReply {
  const status = reply[0];
  switch (status) {
    case 'extended':
      return { status, replayed: isReplayed(reply), hold: decodeLeased(reply, 2) };
    case 'insufficient_credits':
      return { status, available: amountAt(reply, 1) };
    case 'hold_limit':
      return { status };
    case 'limit_reached':
      return { status, available: amountAt(reply, 1), limit: decodeRefusal(reply, 2) };
    case 'idempotency_mismatch':
      return { status };
    default:
      return leaseRefusal('extend-hold', reply);
  }
}

function decodeReported(reply: Reply): ReportProgressReply {
  const status = reply[0];
  switch (status) {
    case 'reported':
      return { status, added: amountAt(reply, 1), hold: decodeLeased(reply, 2) };
    case 'progress_backwards':
      return { status, reported: amountAt(reply, 1), usage: textAt(reply, 2) };
    default:
      return leaseRefusal('report-progress', reply);
  }
}

function leaseRefusal(script: string, reply: Reply) {
  const status = reply[0];
  switch (status) {
    case 'price_needed':
      return { status, price: textAt(reply, 1), placedAtMs: amountAt(reply, 2), about: textAt(reply, 3) } as const;
    case 'hold_resolved':
      return { status, outcome: decodeOutcome(reply, 1) } as const;
    case 'hold_not_found':
    case 'forbidden':
    case 'account_frozen':
      return { status } as const;
    default:
      throw undocumented(script, reply);
  }
}
