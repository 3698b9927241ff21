import { hash, randomUUID } from 'node:crypto';
import { ACCOUNT_ID_LENGTH_MAX, ACCOUNT_NAME_LENGTH_MAX, HOLD_ID_LENGTH_MAX, MEMBER_HOLD_ID_LENGTH_MAX } from './limits.js';

/** Visible ASCII. A hold id is the last part of its key, so colons in it are unambiguous. */
const VISIBLE_ASCII = /^[!-~]+$/;
const PLAIN_ASCII = /^[ -~]*$/;

export const isVisibleAscii = (text: string): boolean => VISIBLE_ASCII.test(text);

/** Whether a hold may have this id: one of the account, or in a pool `member/id` of a member. */
export function isKnownHoldId(text: string): boolean {
  const own = text.slice(text.indexOf('/') + 1);
  return own.length <= HOLD_ID_LENGTH_MAX && text.length <= MEMBER_HOLD_ID_LENGTH_MAX && isVisibleAscii(text);
}

/** The number of characters of a text: code points, as JSON Schema and Postgres count, not UTF-16 units. */
export const characterCount = (text: string): number => (PLAIN_ASCII.test(text) ? text.length : Array.from(text).length);

/**
 * Any text of 1 to `ACCOUNT_ID_LENGTH_MAX` characters that Postgres can store (docs/contracts/README.md#n-04). Ids are
 * compared byte for byte: no case is folded, no space trimmed and no Unicode normalised.
 */
export const isAccountId = (text: string): boolean =>
  text !== '' && text.length <= 2 * ACCOUNT_ID_LENGTH_MAX && isStorable(text) && characterCount(text) <= ACCOUNT_ID_LENGTH_MAX;

/** What is wrong with a text that is no account id, in words for its sender. */
export const ACCOUNT_ID_RULE = `must be 1 to ${ACCOUNT_ID_LENGTH_MAX} characters, without NUL or lone surrogates`;

/**
 * Text that may name an account: its id, a username or an e-mail. At most the 320 characters of an e-mail, all of which can
 * be stored.
 */
export const isAccountName = (text: string): boolean =>
  text !== '' && text.length <= 2 * ACCOUNT_NAME_LENGTH_MAX && isStorable(text) && characterCount(text) <= ACCOUNT_NAME_LENGTH_MAX;

/** One text for several ids, to find them again in a map. No two lists have the same, because an id has no NUL. */
export const joined = (...ids: readonly (string | number)[]): string => ids.join('\0');

/**
 * Text that both JSON and Postgres can store: no NUL, no lone surrogate (docs/reliability.md#f13: one such string
 * would otherwise stop a whole shard's journal).
 */
export const isStorable = (text: string): boolean => !text.includes('\0') && isWellFormed(text);

const SHOWN_LENGTH_MAX = 100;

/** A name that a caller made up, as a refusal repeats it: short, and storable, because refusals are recorded. */
export function shownName(text: string): string {
  const short = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return isStorable(short) ? short : JSON.stringify(short).slice(1, -1).replaceAll(/[^ -~]/g, '?');
}

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
