import { isAccountId, isStorable } from '../../kit/ids.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { findAccount, type FoundAccount } from '../users/profile.table.js';
import { insertProvisional } from '../users/provisional.table.js';

/**
 * The account to credit under this text. For an unknown text it opens a provisional account, which waits for the first token
 * with that subject, username or e-mail. Null: the text is not a valid account id.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down.
 */
export async function openAccount(
  db: Db, { text, actor }: { readonly text: string; readonly actor: string },
): Promise<FoundAccount | 'ambiguous' | null> {
  if (!isStorable(text)) return null;
  try {
    const found = await findAccount(db, text, 'any');
    if (found !== null) return found;
    if (!isAccountId(text)) return null;
    await insertProvisional(db, { accountId: text, createdBy: actor });
    // Another request may have opened it just now, in another case, or its owner's first token may have arrived.
    return await findAccount(db, text, 'any');
  } catch (error) {
    throw toGatewayError(error);
  }
}
