import type { Freshen } from '../../journal/freshen.js';
import { isOutage } from '../../kit/errors.js';
import { isAccountId, isAccountName } from '../../kit/ids.js';
import type { FindBy, FoundAccount } from '../users/profile.table.js';

export type ResolveDeps = {
  /** The account that a text names, as far as Postgres knows (`findAccount`). Throws GatewayError ledger_unavailable. */
  readonly lookUp: (text: string, by: FindBy) => Promise<FoundAccount | 'ambiguous' | null>;
  readonly freshen: Pick<Freshen, 'account'>;
};

/**
 * The account that a text names, whatever route or process acknowledged its first entry a moment ago. Only an id that
 * Postgres knows is final: an id takes precedence over names, and its first entry may still be in the journal, so that an
 * equal name of another account would hide it until then. Null: nothing has this name, or no account can.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down, or when it knows nothing of the text and the journal
 * cannot be read.
 */
export async function resolveAccount(
  { lookUp, freshen }: ResolveDeps, text: string, by: FindBy = 'any',
): Promise<FoundAccount | 'ambiguous' | null> {
  if (!isAccountName(text)) return null;
  const found = await lookUp(text, by);
  if (by === 'email' || !isAccountId(text) || (found !== null && found !== 'ambiguous' && found.accountId === text)) return found;
  try {
    await freshen.account(text);
  } catch (error) {
    if (found !== null && isOutage(error)) return found;
    throw error;
  }
  return lookUp(text, by);
}
