import {
  DEDUCTION_TTL_SECONDS, DEDUCTIONS_WAITING_MAX, DUE_HOLDS_AT_ONCE, DUE_HOLDS_PER_REQUEST_MAX,
  MONEY_IN_RECEIPT_TTL_SECONDS, REFUSED_USAGE_PER_MINUTE_MAX, SNAPSHOT_HOLDS_MAX,
  UNDRAINED_RECEIPT_TTL_SECONDS,
} from '../kit/limits.js';
import { microsToText, textOrNone, ZERO } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import type { MemoryState } from '../stores/redis/watch-redis.js';
import type { LimitRefusal } from './limits.js';
import type { ChargeImage } from './account-image.js';
import { accountScripts, notNow, stepKeys, type AccountScripts, type AccountScriptsDeps } from './account-scripts.js';
import { chargeKeyText, holdKeyText } from './charge-key.js';
import { BALANCES, figuresOf, KEPT } from './figures.js';
import { freezeOperations } from './freeze-operations.js';
import { keyedHoldKeys } from './hold-keys.js';
import { boundByKeys } from './bound-by-keys.js';
import { keySpend, type KeyLimits } from './key-spend.js';
import { limitOperations, renewLimits, spendingArgs } from './limit-operations.js';
import type { Charge, ChargePurpose, Ledger, Remove, SettleHold } from './ledger.js';
import { leaseOperations } from './lease-operations.js';
import { memoryGuard, type OpenHoldsMax } from './memory-guard.js';
import { lotOperations } from './lot-operations.js';
import { isRefusal, recallCharge, replayOf, withReceipt, type RecallDeps } from './recall-charge.js';
import { placeOperations } from './place-operations.js';
import { amountAt, decodeAccount, decodeOutcome, decodeRefusal, isReplayed, textAt, undocumented } from './replies.js';
import { returnOperations } from './return-operations.js';
import { debitScript, readAccountScript, settleHoldScript } from './scripts.js';

export type RedisLedgerDeps = AccountScriptsDeps & RecallDeps & {
  /** Called after each step that wrote an entry, with the shard that now has something for Postgres. */
  readonly written: (shard: number) => void;
  /** How full Redis is, which decides what is refused (memory-guard.ts). */
  readonly memory: () => MemoryState;
  readonly openHoldsMax: OpenHoldsMax;
  /** Called when a limit has refused, with its period and kind of window. */
  readonly limitReached?: (limit: Pick<LimitRefusal, 'period' | 'window'>) => void;
  /** Limits of API keys; absent: no key has one. */
  readonly keyLimits?: KeyLimits | undefined;
  /** How long after its end a hold can be corrected. */
  readonly correctionWindowMs: number;
  /** Wraps every call of a script, for tracing. */
  readonly around?: ((scripts: AccountScripts) => AccountScripts) | undefined;
};

/** The ledger's port over Redis scripts: passes keys and arguments by name and decodes replies; makes no decisions. */
export function redisLedger(deps: RedisLedgerDeps): Ledger {
  const { keys, written, around } = deps;
  const scripts = around === undefined ? accountScripts(deps) : around(accountScripts(deps));

  const recalling = { ...deps, scripts };
  const spend = deps.keyLimits === undefined ? null : keySpend(deps.keyLimits, scripts);
  const guard = memoryGuard(deps.memory, deps.openHoldsMax);

  const endings = new Map<string, Promise<unknown>>();
  /** Ends these holds, one round per account at a time: concurrent operations share it. */
  const endDueHolds = (accountId: string, holdIds: readonly string[]): Promise<unknown> => {
    const underWay = endings.get(accountId);
    if (underWay !== undefined) return underWay;
    const started = Promise.all(holdIds.map((holdId) => ledger.expireHold(accountId, holdId))).finally(() => endings.delete(accountId));
    endings.set(accountId, started);
    return started;
  };

  const tellLimit = (reply: Reply): void => {
    if (reply[0] !== 'limit_reached' && (reply[0] !== 'usage_refused' || reply.length <= 3)) return;
    const { period, window } = decodeRefusal(reply, 2);
    deps.limitReached?.({ period, window });
  };

  /** Runs a script; while it names overdue holds that block it, or limits whose edges are stale, mends that and runs it again. */
  const pastDueHolds = async (accountId: string, run: () => Promise<Reply>): Promise<Reply> => {
    for (let named = 0; named < DUE_HOLDS_PER_REQUEST_MAX;) {
      const reply = await run();
      if (reply[0] === 'limits_stale') {
        await renewLimits({ scripts }, accountId, reply);
        named += DUE_HOLDS_AT_ONCE;
        continue;
      }
      tellLimit(reply);
      if (reply[0] !== 'holds_due') return reply;
      await endDueHolds(accountId, reply.slice(1));
      named += reply.length - 1;
    }
    throw notNow('too many holds of the account are past their lease; retry shortly');
  };

  const end = async (command:
    Omit<SettleHold, 'overCapture' | 'debtLimit'> & Partial<SettleHold>, ending: 'settle' | 'void' | 'expire'): Promise<Reply> => {
    const {
      accountId, holdId, cost, price, overCapture = 'available', debtLimit = null, fingerprint, about, by = 'user', corrects, use = '',
      models = [],
    } = command;
    const key = command.key === undefined || command.key === null ? '' : holdKeyText('end', holdId, command.key);
    const settle = (recalled: 0 | 1): Promise<Reply> => scripts.run(settleHoldScript, accountId, keyedHoldKeys(holdId, key), {
      hold_id: holdId, ending, cost: microsToText(cost), price: price ?? '', use, over_capture: overCapture,
      debt_limit: textOrNone(debtLimit), fingerprint, about, principal: ending === 'expire' ? '' : by,
      corrects: corrects === undefined ? 'any' : (corrects ?? ''), correction_window_ms: deps.correctionWindowMs,
      receipt_ttl_seconds: UNDRAINED_RECEIPT_TTL_SECONDS, key, recalled, models: models.join('\t'),
    });
    const run = (): Promise<Reply> =>
      withReceipt(recalling, accountId, key, (recalled) => pastDueHolds(accountId, () => settle(recalled)));
    let reply = await run();
    // Its receipt may have expired in Redis; Postgres keeps it.
    if (reply[0] === 'hold_not_found' && ending !== 'expire' && (await scripts.restoreHold(accountId, holdId))) reply = await run();
    if (reply[0] === 'ended' && !isReplayed(reply)) {
      written(keys.shardOf(accountId));
      await spend?.ended(textAt(reply, 16), { accountId, holdId }, reply);
    }
    return reply;
  };

  const debit = async (
    command: Pick<Charge, 'accountId' | 'amount' | 'about' | 'spending' | 'keyLimit'> & {
      readonly key: string;
      readonly fingerprint: string;
      readonly price: string;
    },
    kind: 'charge' | Remove['kind'],
    receiptTtlSeconds: number,
    { purpose, refused }: { readonly purpose?: ChargePurpose | undefined; readonly refused?: ChargeImage | null } = {},
  ): Promise<Reply> => {
    const { accountId, key, fingerprint, price, about } = command;
    const amount = microsToText(command.amount);
    const reply = await pastDueHolds(accountId, () =>
      scripts.run(debitScript, accountId, (account) => ({
        ...stepKeys(account), receipt: account.receipt(key), open: account.open, deductions: account.deductions(amount),
        refusals: account.refusals, limits: account.limits,
      }), {
        kind, amount, key, fingerprint, price, about, receipt_ttl_seconds: receiptTtlSeconds,
        purpose: purpose ?? '', deduction_ttl_ms: DEDUCTION_TTL_SECONDS * 1_000, deductions_max: DEDUCTIONS_WAITING_MAX,
        refusals_max: REFUSED_USAGE_PER_MINUTE_MAX, refused_seq: refused?.seq ?? '', refused_amount: refused?.uncollected ?? '',
        due_holds_max: DUE_HOLDS_AT_ONCE, ...spendingArgs(accountId, command.spending), key_limit: command.keyLimit ?? '',
      }));
    if (reply[0] === 'usage_refused' || (reply[0] === 'debited' && !isReplayed(reply))) written(keys.shardOf(accountId));
    return reply;
  };

  const read = (accountId: string, detail: 'balance' | 'funds' | 'full'): Promise<Reply> =>
    pastDueHolds(accountId, () => scripts.run(readAccountScript, accountId, (account) => ({
      fence: account.fence, account: account.account, lots: account.lots, lot: account.lot, open: account.open,
    }), (bound, account) => ({ ...bound, detail, holds_max: SNAPSHOT_HOLDS_MAX, hold_prefix: account.hold('') })));

  const ledger: Ledger = {
    ...lotOperations({ scripts, keys, written }),
    ...returnOperations({ scripts, keys, written }),
    ...freezeOperations({ scripts, keys, written }),
    ...limitOperations({ scripts, past: pastDueHolds }),
    ...leaseOperations({ ...deps, scripts, pastDueHolds }),
    ...placeOperations({ ...deps, scripts, guard, pastDueHolds, tellLimit }),

    async settleHold(command) {
      const reply = await end(command, 'settle');
      const status = reply[0];
      switch (status) {
        case 'ended':
          return { status: 'settled', replayed: isReplayed(reply), outcome: decodeOutcome(reply, 2) };
        case 'price_needed':
          return { status, price: textAt(reply, 1), placedAtMs: amountAt(reply, 2), about: textAt(reply, 3) };
        case 'hold_resolved':
          return { status, outcome: decodeOutcome(reply, 1) };
        case 'idempotency_mismatch':
        case 'hold_not_found':
        case 'forbidden':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('settle-hold', reply);
      }
    },

    async voidHold({ accountId, holdId, about, by = 'user', key = null, fingerprint = '' }) {
      const reply = await end({ accountId, holdId, cost: ZERO, price: null, fingerprint, about, by, key }, 'void');
      const status = reply[0];
      switch (status) {
        case 'ended':
          return { status: 'voided', replayed: isReplayed(reply), outcome: decodeOutcome(reply, 2) };
        case 'hold_resolved':
          return { status, outcome: decodeOutcome(reply, 1) };
        case 'idempotency_mismatch':
        case 'hold_not_found':
        case 'forbidden':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('settle-hold', reply);
      }
    },

    async expireHold(accountId, holdId) {
      const reply = await end({ accountId, holdId, cost: ZERO, price: null, fingerprint: '', about: '' }, 'expire');
      const status = reply[0];
      switch (status) {
        case 'ended':
          return { status: 'expired', outcome: decodeOutcome(reply, 2) };
        case 'not_due':
        case 'hold_resolved':
        case 'hold_not_found':
          return { status };
        case 'account_frozen':
          return { status: 'not_due' };
        default:
          throw undocumented('settle-hold', reply);
      }
    },

    async charge({ key: named, purpose, ...command }) {
      guard.assertCharge(command);
      const key = named === null ? '' : chargeKeyText(named);
      const earlier = named === null ? null : await recallCharge(deps, command.accountId, key);
      if (earlier !== null && !isRefusal(earlier)) return replayOf(earlier, command.fingerprint);
      const refused = earlier?.fingerprint === command.fingerprint ? earlier : null;
      const reply = await debit({ ...command, key }, 'charge', UNDRAINED_RECEIPT_TTL_SECONDS, { purpose, refused });
      const status = reply[0];
      switch (status) {
        case 'debited':
          return {
            status: 'charged', replayed: isReplayed(reply), seq: amountAt(reply, 2), atMs: amountAt(reply, 3),
            available: amountAt(reply, 5),
          };
        case 'limit_reached':
          return { status, available: amountAt(reply, 1), limit: decodeRefusal(reply, 2) };
        case 'insufficient_credits':
          return { status, available: amountAt(reply, 1) };
        case 'usage_refused':
          // What a limit refused says which, before the id of the entry.
          return reply.length > 3
            ? { status: 'limit_reached', available: amountAt(reply, 1), limit: decodeRefusal(reply, 2) }
            : { status: 'insufficient_credits', available: amountAt(reply, 1) };
        case 'idempotency_mismatch':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('debit', reply);
      }
    },

    async remove({ kind, ...command }) {
      const reply = await debit({ ...command, fingerprint: '', price: '' }, kind, MONEY_IN_RECEIPT_TTL_SECONDS);
      const status = reply[0];
      switch (status) {
        case 'debited':
          return { status: 'removed', replayed: isReplayed(reply), previous: amountAt(reply, 4), available: amountAt(reply, 5) };
        case 'insufficient_credits':
          return { status, available: amountAt(reply, 1) };
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('debit', reply);
      }
    },

    async readBalance(accountId) {
      const reply = await read(accountId, 'balance');
      return figuresOf(BALANCES, (name) => amountAt(reply, 1 + KEPT.indexOf(name)));
    },

    async readFunds(accountId) {
      return decodeAccount(await read(accountId, 'funds'));
    },

    async readAccount(accountId) {
      return decodeAccount(await read(accountId, 'full'));
    },
  };
  return spend === null ? ledger : boundByKeys(ledger, spend);
}
