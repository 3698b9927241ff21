import { LIST_MAX, PAGE_MAX } from '../kit/limits.js';
import type { EntryKind } from '../ledger/entry.js';
import type { Db } from '../stores/postgres/connect.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import { readHistoryPage, type HistoryEntry } from './entry.table.js';

export type HistoryQuery = {
  readonly accountId: string;
  /** Only entries before this one; undefined: from the newest. */
  readonly before?: number | undefined;
  /** At most LIST_MAX; by default PAGE_MAX. */
  readonly limit?: number | undefined;
  /** Only these kinds; undefined: all. */
  readonly kinds?: readonly EntryKind[] | undefined;
};

/** `next` is the `before` of the following page, or null at the end. */
export type HistoryPage = { readonly entries: readonly HistoryEntry[]; readonly next: number | null };

/** The entries of an account, newest first, as far as Postgres has them: it may lag by moments. */
export async function readHistory(db: Db, { accountId, before, limit, kinds }: HistoryQuery): Promise<HistoryPage> {
  const size = Math.min(limit ?? PAGE_MAX, LIST_MAX);
  try {
    const found = await readHistoryPage(db, accountId, before ?? Number.MAX_SAFE_INTEGER, size + 1, kinds ?? null);
    const entries = found.slice(0, size);
    return { entries, next: found.length > size ? (entries.at(-1)?.seq ?? null) : null };
  } catch (error) {
    throw toGatewayError(error);
  }
}
