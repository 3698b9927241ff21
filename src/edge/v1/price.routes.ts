import Type from 'typebox';
import { bookRevision, versionsOf } from '../../credits/prices/book-revision.js';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import { byText } from '../../credits/prices/native-book.js';
import type { PriceHistory } from '../../credits/prices/price-history.js';
import { MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK, TOKEN_BOOK, type PriceVersion } from '../../credits/prices/price.js';
import { setPrice, type SetPriceDeps } from '../../credits/prices/set-price.js';
import { setTerms } from '../../credits/prices/set-terms.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { LIST_BODY_BYTES_MAX } from '../../kit/limits.js';
import { isBookName } from '../../ledger/price-name.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import {
  AliasReply, decimalText, positiveText, presentAlias, presentPrice, priceBody, PriceReply, priceReply, readPrices, readTiers, termsBody,
} from './price-fields.js';
import { timeIn } from './values.js';

/** Named by the code, so they are there before their first price. */
const BOOKS: readonly string[] = [TOKEN_BOOK, MESSAGE_BOOK, MODEL_BOOK, NATIVE_BOOK];

const params = { book: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }) };
const query = {
  ...ListQuery,
  provider: Type.Optional(Type.String({ maxLength: PRICED_MODEL_LENGTH_MAX })),
  model: Type.Optional(Type.String({ maxLength: PRICED_MODEL_LENGTH_MAX })),
};
const Changed = Type.Object({ ...priceReply, changed: Type.Boolean({ description: 'false: it was so already' }) });

/** The price books: what is charged now, what was and will be, and changing it. For administrators. */
export function priceRoutes(add: AddRoute, deps: SetPriceDeps): void {
  readRoutes(add, deps);
  writeRoutes(add, deps);
}

function readRoutes(add: AddRoute, { books: { history }, clock }: SetPriceDeps): void {
  /** The current prices that are asked for, of one page, in the order of their names. */
  const current = (ctx: GatewayContext, book: string, isWanted: (row: PriceVersion) => boolean) => {
    requireBook(history, book);
    const after = cursorIn(ctx, ([provider, model]) => (
      typeof provider === 'string' && typeof model === 'string' ? { provider, model } : null
    ));
    const isAsked = filterIn(ctx);
    const nowMs = clock();
    const revision = bookRevision(history, book, nowMs);
    if (revision !== null) setEtag(ctx, revision);
    const rows = history.current(book, nowMs).map(({ row }) => row)
      .filter((row) => isAsked(row) && isWanted(row) && (after === undefined || byName(row, after) > 0)).sort(byName);
    // Several models may have said that they are the default; one of them is.
    return { rows: rows.map((row) => ({ ...row, isDefault: history.isDefault(row, nowMs) })), limit: limitIn(ctx) };
  };

  add('GET', '/v1/prices/:book', allow('admin'), {
    summary: 'Current prices of a book, with the ETag of the book', params, query, errors: ['not_found'],
    replies: { 200: ListOf(PriceReply) },
  }, (ctx) => {
    const { rows, limit } = current(ctx, bookIn(ctx), () => true);
    reply(ctx, 200, listPage(rows, limit, presentPrice, nameOf));
  });

  add('GET', '/v1/prices/:book/aliases', allow('admin'), {
    summary: 'Other names of models of a book, and the models that they lead to now', params, query, errors: ['not_found'],
    replies: { 200: ListOf(AliasReply) },
  }, (ctx) => {
    const { rows, limit } = current(ctx, bookIn(ctx), ({ aliasOf }) => aliasOf !== null);
    reply(ctx, 200, listPage(rows, limit, presentAlias, nameOf));
  });

  add('GET', '/v1/prices/:book/history', allow('admin'), {
    summary: 'All versions of the prices of a book, newest first, including future ones', params, query, errors: ['not_found'],
    replies: { 200: ListOf(PriceReply) },
  }, (ctx) => {
    const before = cursorIn(ctx, ([version]) => (Number.isSafeInteger(version) ? Number(version) : null)) ?? Infinity;
    const [isAsked, limit] = [filterIn(ctx), limitIn(ctx)];
    const rows = requireBook(history, bookIn(ctx)).filter((row) => row.version < before && isAsked(row));
    reply(ctx, 200, listPage(rows, limit, presentPrice, ({ version }) => [version]));
  });
}

function writeRoutes(add: AddRoute, deps: SetPriceDeps): void {
  const headers = ConditionHeaders;
  const errors = ['precondition_failed', 'ledger_unavailable'] as const;

  add('PUT', '/v1/prices/:book', allow('admin'), {
    summary: 'Set the price of a model, or another name for one, from a time on, as a new version; the first price creates the book',
    params, headers, body: priceBody, bodyBytesMax: LIST_BODY_BYTES_MAX, replies: { 200: Changed }, hasEtag: true, errors,
  }, async (ctx, { principal, body }) => {
    const { marginPercent, moneyPerCredit, effectiveFrom, prices, tiers, ...rest } = body;
    const { price, isChanged, revision } = await setPrice(deps, {
      ...rest, book: bookIn(ctx), actor: principal.accountId,
      prices: readPrices(prices), tiers: readTiers(tiers),
      marginPercent: marginPercent === undefined ? undefined : decimalText('body.marginPercent', marginPercent),
      moneyPerCredit: moneyPerCredit === undefined || moneyPerCredit === null ? moneyPerCredit : decimalText(
        'body.moneyPerCredit', moneyPerCredit,
      ),
      effectiveFromMs: momentIn(effectiveFrom),
    }, preconditionOf(ctx)).catch(inWordsOf(PRICE_FIELDS));
    if (revision !== null) setEtag(ctx, revision);
    reply(ctx, 200, { ...presentPrice(price), changed: isChanged });
  });

  add('PUT', '/v1/prices/:book/terms', allow('admin'), {
    summary: 'Change the margin, or the price of a credit, for all prices of a book', params, headers, body: termsBody,
    bodyBytesMax: LIST_BODY_BYTES_MAX,
    replies: { 200: Type.Object({ changed: Type.Integer({ description: 'new versions' }) }) }, errors: ['not_found', ...errors],
  }, async (ctx, { principal, body: { profitPercents, moneyPerCredit, effectiveFrom, note, force } }) => {
    const book = bookIn(ctx);
    requireBook(deps.books.history, book);
    const { written, revision } = await setTerms(deps, {
      book, note, force, actor: principal.accountId,
      profitPercents: profitPercents?.map((each, index) => decimalText(`body.profitPercents.${index}`, each)),
      moneyPerCredit: moneyPerCredit === undefined ? undefined : positiveText('body.moneyPerCredit', moneyPerCredit),
      effectiveFromMs: momentIn(effectiveFrom),
    }, preconditionOf(ctx)).catch(inWordsOf(TERMS_FIELDS));
    if (revision !== null) setEtag(ctx, revision);
    reply(ctx, 200, { changed: written.length });
  });
}

type Name = Pick<PriceVersion, 'provider' | 'model'>;
const byName = (a: Name, b: Name): number => byText(a.provider, b.provider) || byText(a.model, b.model);
const nameOf = ({ provider, model }: Name): readonly string[] => [provider, model];

const momentIn = (text: string | undefined): number | undefined => (text === undefined ? undefined : timeIn(text, 'body.effectiveFrom'));

function bookIn({ params: given }: GatewayContext): string {
  const { book = '' } = given ?? {};
  if (!isBookName(book)) throw invalid('path.book', 'must be 1 to 32 lower-case letters, digits or dashes, and begin with a letter');
  return book;
}

function filterIn(ctx: GatewayContext): (row: PriceVersion) => boolean {
  const provider = queryText(ctx, 'provider', PRICED_MODEL_LENGTH_MAX);
  const model = queryText(ctx, 'model', PRICED_MODEL_LENGTH_MAX);
  return (row) => (provider === undefined || row.provider === provider) && (model === undefined || row.model === model);
}

/** Every version of a book, newest first. @throws GatewayError not_found for a book that never had a price. */
function requireBook(history: PriceHistory, book: string): PriceVersion[] {
  const rows = versionsOf(history, book);
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
