import { STREAM } from '../../books/session.table.js';
import type { Ledger } from '../../ledger/ledger.js';
import { toOpenStream, type OpenStream } from './stream-hold.js';

/** The streams an account has open now, oldest first. A hold past its lease is not among them. */
export async function listOpenStreams(
  { ledger }: { readonly ledger: Pick<Ledger, 'readAccount'> }, accountId: string,
): Promise<OpenStream[]> {
  const { holds } = await ledger.readAccount(accountId);
  return holds.filter(({ kind }) => kind === STREAM).map((hold) => toOpenStream(accountId, hold)).sort((a, b) => a.seq - b.seq);
}
