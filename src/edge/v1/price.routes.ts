import Type from 'typebox';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import { byText } from '../../credits/prices/native-book.js';
import type { PriceHistory } from '../../credits/prices/price-history.js';
import { MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK, TOKEN_BOOK, type PriceVersion } from '../../credits/prices/price.js';
import { setPrice, type SetPriceDeps } from '../../credits/prices/set-price.js';
import { setTerms } from '../../credits/prices/set-terms.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { PAGE_MAX } from '../../kit/limits.js';
import { isBookName } from '../../ledger/price-name.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { queryNumber, queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import {
  decimalText, momentOf, positiveText, presentPrice, priceBody, PriceReply, readPrices, readTiers, termsBody,
} from './price-fields.js';

const PAGE_DEFAULT = 50;
/** Named by the code, so they are there before their first price. */
const BOOKS: readonly string[] = [TOKEN_BOOK, MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK];

const params = { book: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }) };
const filters = {
  provider: Type.Optional(Type.String({ maxLength: PRICED_MODEL_LENGTH_MAX })),
  model: Type.Optional(Type.String({ maxLength: PRICED_MODEL_LENGTH_MAX })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT, description: 'prices of one page' })),
};
const listQuery = {
  ...filters,
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: '`nextOffset` of the page before' })),
};
const historyQuery = {
  ...filters,
  before: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: '`nextBefore` of the page before' })),
};

/** The price books: what is charged now, what was and will be, and changing it. For administrators. */
export function priceRoutes(add: AddRoute, deps: SetPriceDeps): void {
  const { books: { history }, clock } = deps;

  add('GET', '/v1/prices/:book', allow('admin'), {
    summary: 'Current prices of a book', params, query: listQuery, errors: ['not_found'],
    replies: {
      200: Type.Object({ prices: Type.Array(PriceReply), total: Type.Integer(), nextOffset: Type.Union([Type.Integer(), Type.Null()]) }),
    },
  }, (ctx) => {
    const { book, limit, isAsked } = questionIn(ctx);
    const offset = queryNumber(ctx, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0;
    requireBook(history, book);
    const nowMs = clock();
    const rows = history.current(book, nowMs).map(({ row }) => row).filter(isAsked).sort((a, b) =>
      byText(a.provider, b.provider) || byText(a.model, b.model));
    const page = rows.slice(offset, offset + limit);
    reply(ctx, 200, {
      // Several models may have said that they are the default; one of them is.
      prices: page.map((row) => ({ ...presentPrice(row), isDefault: history.isDefault(row, nowMs) })),
      total: rows.length, nextOffset: offset + limit < rows.length ? offset + limit : null,
    });
  });

  add('GET', '/v1/prices/:book/history', allow('admin'), {
    summary: 'All versions of the prices of a book, newest first, including future ones', params, query: historyQuery,
    errors: ['not_found'],
    replies: { 200: Type.Object({ prices: Type.Array(PriceReply), nextBefore: Type.Union([Type.Integer(), Type.Null()]) }) },
  }, (ctx) => {
    const { book, limit, isAsked } = questionIn(ctx);
    const before = queryNumber(ctx, 'before', 1, Number.MAX_SAFE_INTEGER) ?? Infinity;
    const rows = requireBook(history, book).filter((row) => row.version < before && isAsked(row));
    const page = rows.slice(0, limit);
    reply(ctx, 200, { prices: page.map(presentPrice), nextBefore: rows.length > limit ? page.at(-1)?.version ?? null : null });
  });

  add('PUT', '/v1/prices/:book', allow('admin'), {
    summary: 'Set the price of a model, or another name for one, from a time on, as a new version; the first price creates the book',
    params, body: priceBody,
    replies: { 200: Type.Object({ price: PriceReply, changed: Type.Boolean() }) }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const { marginPercent, moneyPerCredit, effectiveFrom, prices, tiers, ...rest } = body;
    const { price, isChanged } = await setPrice(deps, {
      ...rest, book: bookIn(ctx), actor: principal.accountId,
      prices: readPrices(prices), tiers: readTiers(tiers),
      marginPercent: marginPercent === undefined ? undefined : decimalText('body.marginPercent', marginPercent),
      moneyPerCredit: moneyPerCredit === undefined || moneyPerCredit === null ? moneyPerCredit : decimalText(
        'body.moneyPerCredit', moneyPerCredit,
      ),
      effectiveFromMs: momentOf(effectiveFrom),
    }).catch(inWordsOf(PRICE_FIELDS));
    reply(ctx, 200, { price: presentPrice(price), changed: isChanged });
  });

  add('PUT', '/v1/prices/:book/terms', allow('admin'), {
    summary: 'Change the margin, or the price of a credit, for all prices of a book', params, body: termsBody,
    replies: { 200: Type.Object({ changed: Type.Integer({ description: 'new versions' }) }) }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { profitPercents, moneyPerCredit, effectiveFrom, note, force } }) => {
    const book = bookIn(ctx);
    requireBook(history, book);
    const written = await setTerms(deps, {
      book, note, force, actor: principal.accountId,
      profitPercents: profitPercents?.map((each, index) => decimalText(`body.profitPercents.${index}`, each)),
      moneyPerCredit: moneyPerCredit === undefined ? undefined : positiveText('body.moneyPerCredit', moneyPerCredit),
      effectiveFromMs: momentOf(effectiveFrom),
    }).catch(inWordsOf(TERMS_FIELDS));
    reply(ctx, 200, { changed: written.length });
  });
}

function bookIn({ params: given }: GatewayContext): string {
  const { book = '' } = given ?? {};
  if (!isBookName(book)) throw invalid('path.book', 'must be 1 to 32 lower-case letters, digits or dashes, and begin with a letter');
  return book;
}

type Question = { readonly book: string; readonly limit: number; readonly isAsked: (row: PriceVersion) => boolean };

function questionIn(ctx: GatewayContext): Question {
  const provider = queryText(ctx, 'provider', PRICED_MODEL_LENGTH_MAX);
  const model = queryText(ctx, 'model', PRICED_MODEL_LENGTH_MAX);
  return {
    book: bookIn(ctx), limit: queryNumber(ctx, 'limit', 1, PAGE_MAX) ?? PAGE_DEFAULT,
    isAsked: (row) => (provider === undefined || row.provider === provider) && (model === undefined || row.model === model),
  };
}

/** Every version of a book, newest first. @throws GatewayError not_found for a book that never had a price. */
function requireBook(history: PriceHistory, book: string): PriceVersion[] {
  const rows: PriceVersion[] = [];
  for (let version = history.lastVersion(); version > 0; version -= 1) {
    const row = history.byVersion(version)?.row;
    if (row?.book === book) rows.push(row);
  }
  if (rows.length === 0 && !BOOKS.includes(book)) throw new GatewayError('not_found', `there is no price book "${book}"`);
  return rows;
}

/** What the use cases call a field, and what the request does. */
const PRICE_FIELDS: ReadonlyMap<string, string> = new Map([['book', 'path.book']]);
const TERMS_FIELDS: ReadonlyMap<string, string> = new Map([['book', 'path.book'], ['marginPercent', 'body.profitPercents']]);

const inWordsOf = (fields: ReadonlyMap<string, string>) => (error: unknown): never => {
  if (!(error instanceof GatewayError) || error.code !== 'invalid_request') throw error;
  const sources = error.sources.map(({ path, message }) => ({ path: fields.get(path) ?? `body.${path}`, message }));
  throw new GatewayError(error.code, error.message, { sources, cause: error });
};
