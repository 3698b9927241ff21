import type { Freeze } from '../../books/frozen-account.table.js';
import type { Freshen } from '../../journal/freshen.js';
import { GatewayError } from '../../kit/errors.js';
import { isAccountId, isStorable } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX } from '../../kit/limits.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import type { Ledger } from '../../ledger/ledger.js';

export type ShowAccountDeps = {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly freshen: Pick<Freshen, 'account'>;
  /** Finds the account of that id, else username, else e-mail, as far as Postgres knows. */
  readonly resolveAccount: (text: string) => Promise<{ readonly accountId: string } | 'ambiguous' | null>;
  readonly readFreeze: (accountId: string) => Promise<Freeze | null>;
};

/** The state of an account now. `freeze`: who froze it; also null while Postgres does not answer. */
export type ShownAccount = { readonly accountId: string; readonly account: AccountSnapshot; readonly freeze: Freeze | null };

/** Longest text that can name an account: an e-mail address. */
const TARGET_LENGTH_MAX = 320;

/**
 * The account that an operator names. An id takes precedence over names. While Postgres is down only the id of an account
 * that is in Redis and in use is accepted, so that it can be frozen even then. An emptied one may be a name whose owner has
 * claimed its credits: the operator means the owner's account.
 *
 * @throws GatewayError account_not_found, conflict (several users have the name), ledger_unavailable.
 */
export async function nameAccount({ ledger, freshen, resolveAccount }: Omit<ShowAccountDeps, 'readFreeze'>, text: string): Promise<string> {
  if (text.length > TARGET_LENGTH_MAX || !isStorable(text)) throw notFound(text);
  const mayBeId = isAccountId(text) && text.length <= ACCOUNT_ID_LENGTH_MAX;
  try {
    if (mayBeId) await freshen.account(text);
    const found = await resolveAccount(text);
    if (found === 'ambiguous') {
      throw new GatewayError('conflict', `'${text}' names several users; use the user id`, {
        sources: [{ path: 'path.accountId', message: 'is ambiguous' }],
      });
    }
    if (found === null) throw notFound(text);
    return found.accountId;
  } catch (error) {
    if (mayBeId && isOutage(error) && isInUse(await ledger.readAccount(text))) return text;
    throw error;
  }
}

export async function showAccount(
  { ledger, freshen, readFreeze }: Omit<ShowAccountDeps, 'resolveAccount'>, accountId: string,
): Promise<ShownAccount> {
  const account = await ledger.readAccount(accountId);
  if (!account.frozen) return { accountId, account, freeze: null };
  const freeze = await freshen.account(accountId).then(() => readFreeze(accountId)).catch((error: unknown) => {
    if (isOutage(error)) return null;
    throw error;
  });
  return { accountId, account, freeze };
}

const isInUse = ({ available, holds, totals }: AccountSnapshot): boolean => available > 0 || holds.length > 0 || totals.captured > 0;
const notFound = (text: string): GatewayError =>
  new GatewayError('account_not_found', `User '${text.slice(0, TARGET_LENGTH_MAX)}' not found`);
const isOutage = (error: unknown): boolean => error instanceof GatewayError && error.code === 'ledger_unavailable';
