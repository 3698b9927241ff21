import { isAccountId } from '../../kit/ids.js';
import type { IssuerName, Principal } from '../../kit/principal.js';

/**
 * The source of an account's name. Credits can be granted to a name, so the trust in a name depends on its issuer:
 *
 * - `access` and `jwks` are the auth service: it has the usernames that administrators enter, and only it grants roles.
 * - `admin`: an administrator registered the user (POST /api/admin/users). The account is found by name, but it claims
 *   nothing before its first token.
 * - `chatsparty` signs tokens for its own users, who can sign up under any e-mail, and does not manage these names. Its
 *   names find an account only if no other account has the name; they never claim and never make a name ambiguous.
 * - `jwks-open` is a key server whose tokens may be meant for others (no JWT_ISSUER, no JWT_AUDIENCE): like `chatsparty`.
 */
export type NamesFrom = IssuerName | 'jwks-open' | 'admin';

/** The issuers that are trusted for names: their tokens claim credits that were granted to a name or an id of the owner. */
const TRUSTED: ReadonlySet<NamesFrom> = new Set(['access', 'jwks']);
export const isTrusted = (from: NamesFrom): boolean => TRUSTED.has(from);

/** An e-mail is compared only with e-mails, other texts only with usernames: see `claimableNames`. */
export const isEmail = (text: string): boolean => text.includes('@');

/**
 * Texts that issuers make as ids, and that are therefore never names: an ObjectId of the auth service, a cuid of ChatsParty, a
 * UUID. Without this rule a user could take another user's id as username and receive what is granted to that id. Written so
 * that JavaScript and Postgres read it alike; without regard to case.
 */
export const MINTED_ID = '^([0-9a-f]{24}|c[0-9a-z]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$';
const MINTED = new RegExp(MINTED_ID, 'i');
const CUID = /^c[0-9a-z]{24}$/;

/**
 * Whether a token of this issuer, by its subject, gets what was granted to a text before anyone used the account of that id.
 * Only the issuer that makes such ids: for issuers that are not trusted, `victim` or `victim@example.com` are names of others.
 */
export function claimsById(from: NamesFrom, text: string): boolean {
  if (isTrusted(from)) return true;
  return from === 'chatsparty' ? CUID.test(text) : MINTED.test(text);
}

/** Lower case of each character that keeps its length in bytes; others could become ASCII (the Kelvin sign becomes `k`). */
const foldCase = (text: string): string => Array.from(text, (character) => {
  const lower = character.toLowerCase();
  return Buffer.byteLength(lower) === Buffer.byteLength(character) ? lower : character;
}).join('');

/** The name of a provisional account. */
export const provisionalName = (accountId: string): string => (isEmail(accountId) ? foldCase(accountId) : accountId);

/** Names as a token states them, and who stated them. */
export type StatedNames = Pick<Principal, 'username' | 'email'> & { readonly namesFrom: NamesFrom };

/**
 * The names of provisional accounts that a caller may claim. What a hostile token could try, and why it fails:
 *
 * - a username that is the e-mail of another user: usernames with an @ claim nothing;
 * - a username that is the id of another user: see `MINTED_ID`;
 * - an e-mail that only looks the same, or is the same in lower case: see `foldCase`;
 * - an e-mail that the issuer has not verified: `bearer` does not add it to the principal;
 * - a name from another issuer: see `NamesFrom`;
 * - a username that another account also has: it claims nothing (`setClaimed`).
 *
 * One case remains: the auth service gives one name to two users, one after the other. Only the auth service can know that.
 */
export function claimableNames({ username, email, namesFrom }: StatedNames): string[] {
  if (!isTrusted(namesFrom)) return [];
  const names: string[] = [];
  if (username !== null && !isEmail(username) && !MINTED.test(username) && isAccountId(username)) names.push(username);
  if (email !== null && isEmail(email) && isAccountId(email)) names.push(provisionalName(email));
  return names;
}
