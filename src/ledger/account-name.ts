/**
 * The name of an account in Redis keys and in members of the due index: its id, with every byte of UTF-8 percent-encoded
 * that is no ASCII letter or digit and none of `._@|+=~$-`. So a name has no ':' and ends where the next part of a key
 * begins; it changes no hash tag and is no glob (docs/reliability.md#f9). Ids without such bytes are their own names.
 *
 * No two ids have one name: `%` itself is encoded, so each `%` begins the code of exactly one byte.
 */

const PLAIN = /^[A-Za-z0-9._@|+=~$-]*$/;
const RUN = /[^A-Za-z0-9._@|+=~$-]+/g;
/** What `encodeURIComponent` leaves as it is and names do not have. */
const LEFT = /[!*'()]/g;

/** @throws URIError for a lone surrogate, which has no UTF-8; `isAccountId` refuses it before. */
export function nameOfAccount(accountId: string): string {
  return PLAIN.test(accountId) ? accountId : accountId.replace(RUN, encoded);
}

/** The id of a name, or null for text that is not the name of an account. */
export function accountOfName(name: string): string | null {
  if (PLAIN.test(name)) return name === '' ? null : name;
  try {
    const accountId = decodeURIComponent(name);
    // Only one spelling is a name: another tool may have written the key.
    return nameOfAccount(accountId) === name ? accountId : null;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

const encoded = (run: string): string =>
  encodeURIComponent(run).replace(LEFT, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
