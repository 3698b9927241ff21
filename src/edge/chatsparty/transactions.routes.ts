import Type from 'typebox';
import { TRANSACTIONS_PAGE_MAX, type ListTransactionsQuery, type TransactionPage } from '../../credits/statement/list-transactions.js';
import type { Cursor } from '../../credits/statement/transaction-page.table.js';
import { readPeriod } from '../../credits/usage/period.js';
import { invalid } from '../../kit/errors.js';
import { authenticated } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { filledText, queryNumber, queryText, queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { presentTransaction, REASON_SPELLINGS, TransactionReply, TYPE_SPELLINGS } from './transaction-fields.js';

/** A page of the statement of an account; `listTransactions` with its deps. */
export type ListTransactions = (query: ListTransactionsQuery) => Promise<TransactionPage>;

const PAGE_DEFAULT = 50;
const ORDERS: ReadonlyMap<string, 'createdAt' | 'amount'> = new Map([['createdAt', 'createdAt'], ['amount', 'amount']]);
const DIRECTIONS: ReadonlyMap<string, 'asc' | 'desc'> = new Map([['asc', 'asc'], ['desc', 'desc'], ['ASC', 'asc'], ['DESC', 'desc']]);
const CURSOR = /^(\d{1,15})\.(\d{1,16})$/;

const Moment = (description: string) =>
  Type.Optional(Type.String({ description: `${description}: an ISO 8601 date or date-time, UTC unless it says otherwise` }));
export const periodQuery = {
  startDate: Moment('from when, inclusive'), endDate: Moment('until when, inclusive; a date means all of that day'),
};

const query = {
  limit: Type.Optional(Type.Integer({
    minimum: 1, maximum: TRANSACTIONS_PAGE_MAX, default: PAGE_DEFAULT, description: 'rows of one page',
  })),
  offset: Type.Optional(Type.Integer({
    minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0,
    description: 'rows before the page; any number in order of createdAt, at most 10000 in order of amount',
  })),
  cursor: Type.Optional(Type.String({
    pattern: CURSOR.source, default: '1767225600000.17',
    description: '`nextCursor` of the page before, instead of an offset: nothing is missed when rows are added meanwhile',
  })),
  ...periodQuery,
  transactionType: WordField(TYPE_SPELLINGS, 'only this type'),
  reason: WordField(REASON_SPELLINGS, 'only this reason'),
  orderBy: WordField(ORDERS, 'createdAt unless told otherwise'),
  orderDirection: WordField(DIRECTIONS, 'desc unless told otherwise'),
};

const Page = Type.Object({
  transactions: Type.Array(TransactionReply), total: Type.Integer(), nextCursor: Type.Union([Type.String(), Type.Null()]),
});
const wording = { ledger_unavailable: { message: 'Failed to get transaction history', path: '' } };

/** The statement of the caller: an object below `/api`, and the bare array of older callers without it (docs/contracts/README.md#c-03). */
export function transactionRoutes(add: AddRoute, { listTransactions }: { readonly listTransactions: ListTransactions }): void {
  add('GET', '/api/credits/transactions', authenticated(), {
    summary: 'Statement of the caller', query, replies: { 200: Page }, wording,
  }, async (ctx, { principal: { accountId } }) => {
    const { transactions, total, next } = await listTransactions({ accountId, ...readQuery(ctx) });
    reply(ctx, 200, {
      transactions: transactions.map(presentTransaction), total, nextCursor: next === null ? null : `${next.atMs}.${next.id}`,
    });
  });

  add('GET', '/credits/transactions', authenticated(), {
    summary: 'Statement of the caller, as an array', query, replies: { 200: Type.Array(TransactionReply) }, wording,
  }, async (ctx, { principal: { accountId } }) => {
    const { transactions } = await listTransactions({ accountId, ...readQuery(ctx) });
    reply(ctx, 200, transactions.map(presentTransaction));
  });
}

function readQuery(ctx: GatewayContext): Omit<ListTransactionsQuery, 'accountId'> {
  const orderBy = queryWord(ctx, 'orderBy', ORDERS) ?? 'createdAt';
  const after = readCursor(ctx);
  if (after !== null && orderBy !== 'createdAt') throw invalid('query', 'cursor needs the order of createdAt; use offset');
  return {
    ...periodOf(ctx), orderBy, after,
    type: queryWord(ctx, 'transactionType', TYPE_SPELLINGS) ?? null,
    reason: queryWord(ctx, 'reason', REASON_SPELLINGS) ?? null,
    direction: queryWord(ctx, 'orderDirection', DIRECTIONS) ?? 'desc',
    limit: queryNumber(ctx, 'limit', 1, TRANSACTIONS_PAGE_MAX) ?? PAGE_DEFAULT,
    offset: queryNumber(ctx, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0,
  };
}

/** The period that is asked for, half-open; null where it has no bound. */
export function periodOf(ctx: GatewayContext): { readonly fromMs: number | null; readonly toMs: number | null } {
  const [startDate, endDate] = [filledText(ctx, 'startDate'), filledText(ctx, 'endDate')];
  const { fromMs, toMs } = readPeriod({ startDate, endDate });
  return { fromMs: startDate === undefined ? null : fromMs, toMs: endDate === undefined ? null : toMs };
}

function readCursor(ctx: GatewayContext): Cursor | null {
  const text = queryText(ctx, 'cursor');
  if (text === undefined) return null;
  const [, atMs, id] = CURSOR.exec(text) ?? [];
  if (atMs === undefined || id === undefined) throw invalid('query.cursor', 'cursor must be the nextCursor of a page');
  return { atMs: Number(atMs), id: Number(id) };
}
