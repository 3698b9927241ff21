import { isAccountId } from '../../kit/ids.js';
import type { IssuerName, Principal } from '../../kit/principal.js';

/**
 * Who may say that an account has a name. A name leads credits to an account, so it counts as much as its issuer does:
 *
 * - `access` and `jwks` are the auth service: it keeps the usernames that administrators type, and it alone grants roles.
 * - `admin`: an administrator registered the user (POST /api/admin/users). Found by name, but claims nothing: nobody
 *   has shown a token yet.
 * - `chatsparty` signs for its own users, anybody can sign up there under any e-mail, and it keeps none of those names.
 *   It finds an account only where nobody else has the name, never claims, and never makes a name ambiguous.
 */
export type NamesFrom = IssuerName | 'admin';

/** Whose tokens may claim an account that was credited under their owner's name. */
const CLAIMING: ReadonlySet<IssuerName> = new Set(['access', 'jwks']);

/** An e-mail is compared with e-mails only, anything else with usernames only: see `claimableNames`. */
export const isEmail = (text: string): boolean => text.includes('@');

/** A name as a provisional account keeps it. */
export const provisionalName = (accountId: string): string => (isEmail(accountId) ? accountId.toLowerCase() : accountId);

/**
 * The provisional accounts that a caller may claim, by name. What a hostile token could try, and why it gets nothing:
 *
 * - a username that is somebody's e-mail: usernames with an @ claim nothing;
 * - an e-mail that only looks the same, or becomes the same in lower case (a Kelvin sign is a `k` there): only the
 *   characters of an account id claim, all of them ASCII;
 * - an e-mail whose issuer says it was never verified: `bearer` does not let it become part of a principal;
 * - another issuer's word for a name: see `NamesFrom`;
 * - a username that another account has, too: nobody claims by it (`setClaimed`).
 *
 * What is left is the auth service giving one name to two people in turn. Nobody but the auth service can know that.
 */
export function claimableNames({ username, email, issuer }: Pick<Principal, 'username' | 'email' | 'issuer'>): string[] {
  if (!CLAIMING.has(issuer)) return [];
  const names: string[] = [];
  if (username !== null && !isEmail(username) && isAccountId(username)) names.push(username);
  if (email !== null && isEmail(email) && isAccountId(email)) names.push(provisionalName(email));
  return names;
}
