import type { CallerKey } from '../kit/caller.js';

/** Operations whose keys share the receipts of an account. None is `intent`: no key of a caller can be that of an intent. */
export const KEYED_OPERATIONS = ['deduct', 'usage', 'use', 'charge'] as const;
type KeyedOperation = (typeof KEYED_OPERATIONS)[number];

/** A caller's key of one operation. The caller's name has no colon (callerOf), so no two of these have the same text. */
export type ChargeKey = CallerKey & { readonly operation: KeyedOperation };

/** Null for a request without a key. */
export const chargeKey = (operation: KeyedOperation, named: CallerKey | null): ChargeKey | null =>
  (named === null ? null : { operation, ...named });

/** The key as Redis and the journal have it. Only the ledger makes this text, so every charge gets its prefix. */
export const chargeKeyText = ({ operation, caller, key }: ChargeKey): string => `${operation}:${caller}:${key}`;

/** The key of a place, as Redis and the journal have it: one for all holds of the account. */
export const placeKeyText = ({ caller, key }: CallerKey): string => `place:${caller}:${key}`;

/**
 * The key of an extension or of an end of a hold, as Redis and the journal have it. A hold id may have colons: its length says
 * where it ends.
 */
export const holdKeyText = (operation: 'extend' | 'end', holdId: string, { caller, key }: CallerKey): string =>
  `${operation}:${caller}:${holdId.length}:${holdId}:${key}`;
