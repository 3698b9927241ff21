import { micros, type Micros } from '../../kit/money/micros.js';
import type { Balance } from '../../ledger/account-snapshot.js';

/** Longest usage_key: its hold's id stays below HOLD_ID_LENGTH_MAX. Ours are UUIDs of 36 characters. */
export const USAGE_KEY_LENGTH_MAX = 100;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** One key, one spelling: a UUID is the same in any case. */
export const normalUsageKey = (key: string): string => (UUID.test(key) ? key.toLowerCase() : key);

/**
 * The hold of a usage_key. The space keeps it apart from every hold that a user can name: ids of sessions are visible
 * ASCII, so no token reaches a server's hold by the routes of streams.
 */
export const processHoldId = (usageKey: string): string => `credits-process ${usageKey}`;

/** The kind of a process' hold. */
export const PROCESS = 'process';

/** Holds of settlements without a usage_key; `name` is ours. */
export const unnamedHoldId = (name: string): string => `credits-process-unnamed ${name}`;

/** The names of prices are in the settlement's own text, one per model: a hold knows no models yet. */
export const NO_PRICE = '';

/** The wallet of the original, which knew no holds: all that is there, less what is owed. May be negative (C-17). */
export const walletBalance = ({ available, held, debt }: Balance): Micros => micros(available + held - debt);
