import { AMOUNTS } from '../../../src/ledger/figures.js';
import type { Db } from '../../../src/stores/postgres/connect.js';

/** The figures of an account in Postgres, and whether they conserve (I1). */
export async function booksOf(db: Db, accountId: string): Promise<object> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `select seq, ${AMOUNTS.join(', ')}, granted = available + held + captured + expired + removed - debt as conserved
       from accounts where account_id = ?`, [accountId],
  );
  return { ...rows[0], conserved: (rows[0] as { conserved?: boolean } | undefined)?.conserved === true };
}
