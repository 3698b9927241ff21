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
 */
export type NamesFrom = IssuerName | 'admin';

/** The issuers whose tokens may claim credits that were granted to the name of their owner. */
const CLAIMING: ReadonlySet<IssuerName> = new Set(['access', 'jwks']);

/** An e-mail is compared only with e-mails, other texts only with usernames: see `claimableNames`. */
export const isEmail = (text: string): boolean => text.includes('@');

/** The name of a provisional account. */
export const provisionalName = (accountId: string): string => (isEmail(accountId) ? foldEmail(accountId) : accountId);

/**
 * An e-mail without case. A letter whose lower case has another length in UTF-8 stays as it is: the Kelvin sign would become
 * an ASCII `k`, and so the address of another user.
 */
const foldEmail = (email: string): string => Array.from(email, (letter) => {
  const lower = letter.toLowerCase();
  return Buffer.byteLength(lower) === Buffer.byteLength(letter) ? lower : letter;
}).join('');

/**
 * The names of provisional accounts that a caller may claim. What a hostile token could try, and why it fails:
 *
 * - a username that is the e-mail of another user: usernames with an @ claim nothing;
 * - an e-mail that only looks the same, or is the same in lower case (the Kelvin sign becomes `k`): see `foldEmail`;
 * - an e-mail that the issuer has not verified: `bearer` does not add it to the principal;
 * - a name from another issuer: see `NamesFrom`;
 * - a username that another account also has: it claims nothing (`setClaimed`).
 *
 * One case remains: the auth service gives one name to two users, one after the other. Only the auth service can know that.
 */
export function claimableNames({ username, email, issuer }: Pick<Principal, 'username' | 'email' | 'issuer'>): string[] {
  if (!CLAIMING.has(issuer)) return [];
  const names: string[] = [];
  if (username !== null && !isEmail(username) && isAccountId(username)) names.push(username);
  if (email !== null && isEmail(email) && isAccountId(email)) names.push(provisionalName(email));
  return names;
}
