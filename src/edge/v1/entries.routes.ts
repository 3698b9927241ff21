import { creditsText } from '../../kit/money/credits.js';
import Type from 'typebox';
import { grantIdOf } from '../../books/money-in.table.js';
import type { Receipt } from '../../credits/receipts/read-receipt.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { LIST_MAX } from '../../kit/limits.js';
import { listFacts } from '../../ledger/list-facts.js';
import { authenticated, callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { replyRows, ROW_FORMATS, rowFormatIn } from '../http/row-stream.js';
import { accountParams } from './account.routes.js';
import { accountOfPath, type NameAccount } from './callers.js';
import { Entry, entryFields, presentEntry, type HistoryEntry } from './entry-fields.js';
import { cursorIn, limitIn, ListOf, ListQuery } from './lists.js';
import { writeCursor } from '../http/cursor.js';
import { PricedReply, presentPriced } from './usage-fields.js';
import { AmountOut } from './values.js';

/** Reads a page of an account's entries, newest first. `next` is the `before` of the page that follows, or null. */
export type ReadHistory = (
  query: { readonly accountId: string; readonly before: number | undefined; readonly limit: number },
) => Promise<{ readonly entries: readonly HistoryEntry[]; readonly next: number | null }>;

export type EntryRouteDeps = { readonly history: ReadHistory };
export type ReceiptRouteDeps = EntryRouteDeps & {
  readonly nameAccount: NameAccount;
  readonly readReceipt: (accountId: string, seq: number) => Promise<Receipt>;
};

const ReceiptReply = Type.Object({
  ...entryFields,
  overage: AmountOut('the part of `captured` beyond the hold'),
  lots: Type.Array(Type.Object({
    id: Type.String(), available: AmountOut(), held: AmountOut(), opened: Type.Boolean(),
  }), { description: 'the lots that it changed, and by how much' }),
  usages: Type.Array(PricedReply, { description: 'what was used, at the prices of then' }),
  facts: Type.Record(Type.String(), Type.Unknown(), { description: 'what else was told of it: actor, feature, metadata' }),
  timeline: Type.Array(Entry, { description: 'all entries of its hold so far, oldest first' }),
});

/** The caller's own ledger. It lags the balance by what Postgres does not have yet, usually well under a second. */
export function entryRoutes(add: AddRoute, { history }: EntryRouteDeps): void {
  add('GET', '/v1/entries', authenticated(), {
    summary: 'Ledger entries of the caller, newest first', query: ListQuery, replies: { 200: ListOf(Entry) }, alsoAs: ROW_FORMATS,
    errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    await replyPage(ctx, history, () => Promise.resolve(principal.accountId));
  });
}

/** Any account's ledger, and the receipt of an entry. */
export function receiptRoutes(add: AddRoute, { history, nameAccount, readReceipt }: ReceiptRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/entries', callers('read'), {
    summary: 'Ledger entries of an account, newest first: a page as JSON, all of them as CSV or NDJSON', params: accountParams,
    query: ListQuery, replies: { 200: ListOf(Entry) }, alsoAs: ROW_FORMATS,
    errors: ['account_not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    await replyPage(ctx, history, () => accountOfPath(ctx, principal, nameAccount));
  });

  add('GET', '/v1/accounts/:accountId/entries/:seq', callers('read'), {
    summary: 'The receipt of an entry: what it charged for, at which price, from which lots, and the life of its hold',
    params: { ...accountParams, seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) },
    replies: { 200: ReceiptReply }, errors: ['account_not_found', 'not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = await accountOfPath(ctx, principal, nameAccount);
    reply(ctx, 200, presentReceipt(await readReceipt(accountId, seqIn(ctx))));
  });
}

async function replyPage(ctx: GatewayContext, history: ReadHistory, accountId: () => Promise<string>): Promise<void> {
  const format = rowFormatIn(ctx);
  if (format !== null) {
    const paged = ['limit', 'cursor'].find((name) => ctx.query[name] !== undefined);
    if (paged !== undefined) throw invalid(`query.${paged}`, 'belongs to JSON: CSV and NDJSON have all entries');
    const query = { accountId: await accountId(), limit: LIST_MAX };
    const first = await history({ ...query, before: undefined });
    replyRows(ctx, format, Object.keys(entryFields), allEntries(history, query, first), presentEntry);
    return;
  }
  const limit = limitIn(ctx);
  const before = cursorIn(ctx, ([seq]) => (Number.isSafeInteger(seq) && (seq as number) > 0 ? seq as number : null));
  const { entries, next } = await history({ accountId: await accountId(), before, limit });
  reply(ctx, 200, { data: entries.map(presentEntry), nextCursor: next === null ? null : writeCursor([next]) });
}

type Page = Awaited<ReturnType<ReadHistory>>;

/** Entries page by page, so that no connection waits for the reader. None that is written meanwhile. */
async function* allEntries(
  history: ReadHistory, query: { readonly accountId: string; readonly limit: number }, first: Page,
): AsyncGenerator<HistoryEntry, void, void> {
  for (let page = first; ; page = await history({ ...query, before: page.next })) {
    yield* page.entries;
    if (page.next === null) return;
  }
}

function seqIn(ctx: GatewayContext): number {
  const text = ctx.params?.['seq'] ?? '';
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new GatewayError('not_found', 'the account has no such entry');
}

function presentReceipt({ entry, lots, priced, timeline }: Receipt): object {
  return {
    ...presentEntry(entry),
    overage: creditsText(entry.overage),
    lots: lots.map(({ lotId, remaining, held, opened }) => ({
      id: grantIdOf(lotId), available: creditsText(remaining), held: creditsText(held), opened: opened !== null,
    })),
    usages: priced.map(presentPriced),
    facts: Object.fromEntries((listFacts(entry.about) ?? []).filter(([name]) => name !== 'priced')),
    timeline: timeline.map(presentEntry),
  };
}
