import { defineScript } from '../stores/redis/script.js';

/** Every script of the ledger with its keys and arguments by name, as in the headers under `lua/`. */

const STEP_KEYS = ['fence', 'account', 'lots', 'lot', 'lots_due', 'journal'] as const;
const HOLD_KEYS = [...STEP_KEYS, 'hold', 'open', 'holds_due', 'limits'] as const;
const SPENDING = ['spender', 'model', 'feature', 'api_key'] as const;

/** What all holds of one call of place-hold share, the keys of those of one account, and what each of them has of its own. */
export const PLACE_SHARED = {
  keys: ['fence', 'lots_due', 'journal', 'holds_due'],
  args: ['epoch', 'time_offset_ms', 'open_holds_max', 'due_holds_max', 'receipt_ttl_seconds'],
} as const;
export const PLACE_ACCOUNT_KEYS = ['account', 'lots', 'lot', 'open', 'limits'] as const;
export const PLACE_OWN = {
  keys: ['hold', 'receipt', 'ended'],
  args: [
    'account_id', 'hold_id', 'minimum', 'desired', 'lease_ms', 'policy', 'price', 'hold_kind', 'fingerprint', 'about', 'principal',
    'trace', 'over_capture', 'debt_limit', 'input_cost', 'renewal_ms', ...SPENDING, 'key', 'own_limits',
    'asked_over_capture', 'asked_debt_limit', 'hold_max', 'key_limit',
  ],
} as const;

export type PlaceKey =
  (typeof PLACE_SHARED)['keys'][number] | (typeof PLACE_ACCOUNT_KEYS)[number] | (typeof PLACE_OWN)['keys'][number];
export type PlaceArg = (typeof PLACE_SHARED)['args'][number] | (typeof PLACE_OWN)['args'][number];

export const placeHoldScript = defineScript(
  'place-hold', [...PLACE_SHARED.keys, ...PLACE_ACCOUNT_KEYS, ...PLACE_OWN.keys], [...PLACE_SHARED.args, ...PLACE_OWN.args]);

export const extendHoldScript = defineScript('extend-hold', [...HOLD_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'hold_id', 'mode', 'minimum', 'desired', 'price', 'lease_ms', 'default_lease_ms', 'key',
  'fingerprint', 'about', 'principal', 'trace', 'due_holds_max', 'receipt_ttl_seconds', 'recalled', 'hold_max',
  'key_limit',
]);

export const reportProgressScript = defineScript('report-progress', HOLD_KEYS, [
  'epoch', 'time_offset_ms', 'account_id', 'hold_id', 'reported', 'usage', 'price', 'raise_to', 'lease_ms', 'default_lease_ms',
  'about', 'principal', 'trace', 'due_holds_max', 'journal_every_ms', 'hold_max', 'key_limit',
]);

export const readHoldScript = defineScript('read-hold', ['fence', 'account', 'hold'], ['epoch', 'time_offset_ms', 'hold_id']);

export const settleHoldScript = defineScript('settle-hold', [...HOLD_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'hold_id', 'ending', 'cost', 'price', 'over_capture', 'debt_limit', 'fingerprint',
  'about', 'principal', 'corrects', 'trace', 'correction_window_ms', 'receipt_ttl_seconds', 'use', 'key',
  'recalled', 'models',
]);

export const grantLotScript = defineScript('grant-lot', [...STEP_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'kind', 'lot_id', 'amount', 'expires_at_ms', 'key', 'about', 'trace',
  'receipt_ttl_seconds', 'lots_max', 'rule',
]);

export const debitScript = defineScript('debit', [...STEP_KEYS, 'receipt', 'open', 'deductions', 'refusals', 'limits'], [
  'epoch', 'time_offset_ms', 'account_id', 'kind', 'amount', 'key', 'fingerprint', 'price', 'about', 'trace', 'receipt_ttl_seconds',
  'purpose', 'deduction_ttl_ms', 'deductions_max', 'refusals_max', 'refused_seq', 'refused_amount', 'due_holds_max',
  ...SPENDING, 'key_limit',
]);

export const revokeLotScript = defineScript('revoke-lot', [...STEP_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'lot_id', 'key', 'about', 'trace', 'receipt_ttl_seconds',
]);

export const refundScript = defineScript('refund', [...STEP_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'lot_id', 'amount', 'parts', 'grace_ms', 'debt_grace_ms', 'hold_id', 'key', 'about', 'trace',
  'receipt_ttl_seconds',
]);

export const receiveLotsScript = defineScript('receive-lots', [...STEP_KEYS, 'receipt'], [
  'epoch', 'time_offset_ms', 'account_id', 'new_lots', 'key', 'about', 'trace', 'receipt_ttl_seconds', 'lots_max',
]);

export const expireLotsScript = defineScript('expire-lots', STEP_KEYS, ['epoch', 'time_offset_ms', 'account_id']);

export const freezeAccountScript = defineScript('freeze-account', ['fence', 'account', 'journal'], [
  'epoch', 'time_offset_ms', 'account_id', 'kind', 'about', 'trace',
]);

const LIMIT_KEYS = ['fence', 'account', 'limits'] as const;

export const setLimitsScript = defineScript('set-limits', LIMIT_KEYS, ['epoch', 'version', 'definitions', 'index', 'renews']);

export const setTermsScript = defineScript('set-terms', ['fence', 'account'], ['epoch', 'version', 'terms']);

const KEY_SPEND_KEYS = ['fence', 'key_spend'] as const;

export const reserveKeySpendScript = defineScript('reserve-key-spend', KEY_SPEND_KEYS, [
  'epoch', 'time_offset_ms', 'since_ms', 'edges', 'limit', 'mode', 'minimum', 'desired', 'hold',
]);

export const settleKeySpendScript = defineScript('settle-key-spend', KEY_SPEND_KEYS, [
  'epoch', 'time_offset_ms', 'since_ms', 'edges', 'change', 'hold', 'amount', 'from_ms', 'beyond',
]);

export const loadKeySpendScript = defineScript('load-key-spend', KEY_SPEND_KEYS, [
  'epoch', 'time_offset_ms', 'since_ms', 'edges', 'from_ms', 'used', 'holds',
]);

export const readLimitsScript = defineScript('read-limits', LIMIT_KEYS, ['epoch', 'time_offset_ms', ...SPENDING]);

/** Not an operation of the ledger: reads stored data for the reconciler (src/journal/reconcile/inspect-account.ts). */
export const inspectAccountScript = defineScript('inspect-account', ['fence', 'account', 'lots', 'lot', 'open', 'journal'], [
  'epoch', 'holds_max', 'hold_prefix',
]);

/** Not an operation of the ledger: ends a difference between Redis and the books (src/journal/reconcile/repair-account.ts). */
export const repairAccountScript = defineScript(
  'repair-account', ['fence', 'account', 'lots', 'lot', 'lots_due', 'open', 'holds_due', 'journal'],
  [
    'epoch', 'time_offset_ms', 'account_id', 'kind', 'about', 'holds_max', 'hold_prefix', 'seen_count', 'figure_count', 'lot_count',
    'dropped_count',
  ],
);

export const readAccountScript = defineScript('read-account', ['fence', 'account', 'lots', 'lot', 'open'], [
  'epoch', 'time_offset_ms', 'detail', 'holds_max', 'hold_prefix',
]);

export const beginLoadScript = defineScript('begin-load', ['fence', 'account', 'ticket'], ['epoch', 'ticket', 'ttl_ms']);

export const loadAccountScript = defineScript(
  'load-account', ['fence', 'account', 'lots', 'lot', 'lots_due', 'open', 'holds_due', 'ticket'],
  ['epoch', 'account_id', 'lot_count', 'commit', 'next_expiry_ms', 'figure_count', 'ticket', 'is_new'],
);

/** Not an operation of the ledger: what an account does is the same before and after it (src/journal/evict-idle.ts). */
export const evictAccountScript = defineScript(
  'evict-account', ['fence', 'account', 'lots', 'lot', 'lots_due', 'open', 'limits', 'ticket'],
  ['epoch', 'account_id', 'idle_ms', 'limits_version', 'figure_count'],
);

export const restoreHoldScript = defineScript('restore-hold', ['fence', 'hold', 'ended'], ['epoch', 'ttl_seconds', 'end_seq']);

export const shortenReceiptsScript = defineScript('shorten-receipts', ['fence'], ['epoch']);
