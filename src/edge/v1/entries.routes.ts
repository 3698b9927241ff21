import Type from 'typebox';
import { invalid } from '../../kit/errors.js';
import { PAGE_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import type { JournalEntry } from '../../ledger/entry.js';
import { authenticated } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

/** One entry of an account's ledger, as Postgres has it. */
export type HistoryEntry = Pick<
  JournalEntry,
  | 'seq' | 'atMs' | 'kind' | 'available' | 'held' | 'debt' | 'granted' | 'captured' | 'expired' | 'removed' | 'uncollected'
  | 'availableAfter' | 'heldAfter' | 'debtAfter' | 'holdId' | 'price' | 'corrects'
>;

/** Reads a page of an account's entries, newest first. `next` is the `before` of the page that follows, or null. */
export type ReadHistory = (
  query: { readonly accountId: string; readonly before: number | undefined; readonly limit: number },
) => Promise<{ readonly entries: readonly HistoryEntry[]; readonly next: number | null }>;

const PAGE_DEFAULT = 50;

const Entry = Type.Object({
  seq: Type.Integer(), at: Type.String(), kind: Type.String(), holdId: Type.Union([Type.String(), Type.Null()]),
  price: Type.Union([Type.String(), Type.Null()]),
  corrects: Type.Union([Type.Integer(), Type.Null()], { description: '`seq` of the end of the hold that this entry adds to' }),
  available: Type.Number(), held: Type.Number(), debt: Type.Number(), granted: Type.Number(), captured: Type.Number(),
  expired: Type.Number(), removed: Type.Number(), uncollected: Type.Number(),
  availableAfter: Type.Number(), heldAfter: Type.Number(), debtAfter: Type.Number(),
});
const query = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT, description: 'entries of one page' })),
  before: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: '`nextBefore` of the page before' })),
};
const Page = Type.Object({ entries: Type.Array(Entry), nextBefore: Type.Union([Type.Integer(), Type.Null()]) });

/** The caller's own ledger. It lags the balance by what Postgres does not have yet, usually well under a second. */
export function entryRoutes(add: AddRoute, { history }: { readonly history: ReadHistory }): void {
  const spec = {
    summary: 'Ledger entries of the caller, newest first', query, replies: { 200: Page }, errors: ['ledger_unavailable'],
  } as const;
  add('GET', '/v1/entries', authenticated(), spec, async (ctx, { principal }) => {
    const limit = positiveInteger(ctx, 'limit', PAGE_MAX) ?? PAGE_DEFAULT;
    const before = positiveInteger(ctx, 'before', Number.MAX_SAFE_INTEGER);
    const { entries, next } = await history({ accountId: principal.accountId, before, limit });
    reply(ctx, 200, { entries: entries.map(present), nextBefore: next });
  });
}

function positiveInteger(ctx: GatewayContext, name: string, max: number): number | undefined {
  const text = ctx.query[name];
  if (text === undefined) return undefined;
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw invalid(`query.${name}`, `${name} must be a whole number from 1 to ${max}`);
  return value;
}

const present = (entry: HistoryEntry): object => ({
  seq: entry.seq,
  at: new Date(entry.atMs).toISOString(),
  kind: entry.kind,
  holdId: entry.holdId === '' ? null : entry.holdId,
  price: entry.price === '' ? null : entry.price,
  corrects: entry.corrects === 0 ? null : entry.corrects,
  available: toCredits(entry.available),
  held: toCredits(entry.held),
  debt: toCredits(entry.debt),
  granted: toCredits(entry.granted),
  captured: toCredits(entry.captured),
  expired: toCredits(entry.expired),
  removed: toCredits(entry.removed),
  uncollected: toCredits(entry.uncollected),
  availableAfter: toCredits(entry.availableAfter),
  heldAfter: toCredits(entry.heldAfter),
  debtAfter: toCredits(entry.debtAfter),
});
