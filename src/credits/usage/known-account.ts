import type { Freshen } from '../../journal/freshen.js';
import { GatewayError } from '../../kit/errors.js';
import { isAccountId, isStorable } from '../../kit/ids.js';

export type KnownAccountDeps = {
  /** The account of that id, else of that username, else of that e-mail, as far as Postgres knows. */
  readonly resolveAccount: (text: string) => Promise<{ readonly accountId: string } | 'ambiguous' | null>;
  readonly freshen: Freshen;
};

/** Longest text that can name an account: an e-mail address. */
const TARGET_LENGTH_MAX = 320;

/**
 * The account that a supervisor names, or null for an unknown name (docs/contracts/accounting-service.md#target-users).
 * An id takes precedence over names, even if
 * its first entry is not drained yet: otherwise an equal username of another account could hide it until then.
 *
 * @throws GatewayError conflict when several users have the name, ledger_unavailable.
 */
export async function knownAccount({ resolveAccount, freshen }: KnownAccountDeps, text: string): Promise<string | null> {
  if (text.length > TARGET_LENGTH_MAX || !isStorable(text)) return null;
  if (isAccountId(text)) await freshen.account(text);
  const found = await resolveAccount(text);
  if (found === 'ambiguous') {
    throw new GatewayError('conflict', `'${text}' names several users; use the user id`, {
      sources: [{ path: 'path.userId', message: 'is ambiguous' }],
    });
  }
  return found?.accountId ?? null;
}
