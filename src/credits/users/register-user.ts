import { GatewayError } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { insertUser, type NewUser } from './profile.table.js';
import { setOwned } from './provisional.table.js';

export type RegisteredUser = NewUser & { readonly createdAtMs: number };

/**
 * Registers a user before the first token, so that administrators can find the account by name. Grants no role: roles come
 * from tokens only. Credits under the user's id belong to the account at once; credits under the username or e-mail wait for
 * the first token.
 *
 * @throws GatewayError conflict (the id is known, or another user has the e-mail), ledger_unavailable.
 */
export async function registerUser(db: Db, user: NewUser): Promise<RegisteredUser> {
  const result = await db.transaction(async (trx) => {
    const inserted = await insertUser(trx, user);
    if (inserted.status === 'registered') await setOwned(trx, user.accountId);
    return inserted;
  }).catch((error: unknown) => { throw toGatewayError(error); });
  switch (result.status) {
    case 'registered':
      return { ...user, createdAtMs: result.createdAtMs };
    case 'id_taken':
      throw new GatewayError('conflict', `User with identifier (sub) '${user.accountId}' already exists.`);
    case 'email_taken':
      throw new GatewayError('conflict', `User with email '${user.email}' already exists for a different user.`);
  }
}
