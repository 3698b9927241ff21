import type { FoundAccount } from '../../credits/users/profile.table.js';
import { GatewayError } from '../../kit/errors.js';

/**
 * Finds the account that a text means: its id, else a username, else an e-mail
 * (docs/contracts/accounting-service.md#target-users); or by e-mail alone.
 */
export type ResolveAccount = (text: string, by?: 'any' | 'email') => Promise<FoundAccount | 'ambiguous' | null>;

export const ambiguous = (text: string, path: string): GatewayError =>
  new GatewayError('conflict', `'${text}' names several users; use the user id`, { sources: [{ path, message: 'is ambiguous' }] });
