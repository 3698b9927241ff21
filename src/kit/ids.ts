import { hash, randomUUID } from 'node:crypto';

/**
 * Characters of an account id. Without `:`, `/`, `{`, `}`, `*` and spaces, so that two ids can never form the same
 * Redis key, and no id can change the hash tag or act as a glob (docs/reliability.md#f9).
 */
const ACCOUNT_ID = /^[A-Za-z0-9_][A-Za-z0-9._@|+=~$-]*$/;
/** Visible ASCII. A hold id is the last part of its key, so colons in it are unambiguous. */
const VISIBLE_ASCII = /^[!-~]+$/;

export const isAccountId = (text: string): boolean => ACCOUNT_ID.test(text);
export const isVisibleAscii = (text: string): boolean => VISIBLE_ASCII.test(text);

/**
 * Text that both JSON and Postgres can store: no NUL, no lone surrogate (docs/reliability.md#f13: one such string
 * would otherwise stop a whole shard's journal).
 */
export const isStorable = (text: string): boolean => !text.includes('\0') && isWellFormed(text);

/** `String.prototype.isWellFormed` exists in every supported Node, but not yet in the ES2023 library types. */
const isWellFormed = (text: string): boolean =>
  (text as unknown as { isWellFormed: () => boolean }).isWellFormed();

/**
 * Digest of what a request asks for, to tell a repeat from another request under the same name (I4).
 * The parts are JSON-encoded together, so no two different requests share an encoding. 22 characters of SHA-256.
 */
export function fingerprint(...parts: readonly (string | number | null)[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 22);
}

export const newId = (): string => randomUUID();
