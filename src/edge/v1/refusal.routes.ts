import Type from 'typebox';
import type { Refusal } from '../../credits/refusals/refusal.js';
import type { RefusalPosition, RefusalsQuery } from '../../credits/refusals/refusal.table.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId, isStorable } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX, PAGE_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { readCursor, writeCursor } from '../http/cursor.js';
import { reply } from '../http/json.js';
import { Moment, momentIn, MS_MAX } from '../http/moment.js';
import { queryNumber, queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';

/** `readRefusals` with its database. */
export type RefusalRouteDeps = { readonly readRefusals: (query: RefusalsQuery) => Promise<readonly Refusal[]> };

const PAGE_DEFAULT = 50;
const CURSOR_LENGTH_MAX = 1_000;

const query = {
  accountId: Type.Optional(Type.String({ minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX, description: 'only of this account' })),
  from: Moment('from when, its whole minute included'),
  to: Moment('before when'),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT, description: 'rows of one page' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: CURSOR_LENGTH_MAX, description: '`next` of the page before' })),
};
const RefusalReply = Type.Object({
  accountId: Type.String(), minute: Type.String(), reason: Type.String(), method: Type.String(), route: Type.String(),
  status: Type.Integer(),
  count: Type.Integer(), firstAt: Type.String(), lastAt: Type.String(), message: Type.String(), requestId: Type.String(),
});
const Page = Type.Object({ refusals: Type.Array(RefusalReply), next: Type.Union([Type.String(), Type.Null()]) });

/** Refused requests with time and reason, for support. */
export function refusalRoutes(add: AddRoute, { readRefusals }: RefusalRouteDeps): void {
  add('GET', '/v1/refusals', allow('supervisor', 'admin'), {
    summary: 'Refused requests, newest minute first', query, replies: { 200: Page }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    const limit = queryNumber(ctx, 'limit', 1, PAGE_MAX) ?? PAGE_DEFAULT;
    const rows = await readRefusals({
      accountId: accountIn(ctx), fromMs: momentIn(ctx, 'from'), toMs: momentIn(ctx, 'to'), limit: limit + 1, after: cursorIn(ctx),
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    reply(ctx, 200, { refusals: page.map(present), next: rows.length > limit && last !== undefined ? cursorText(last) : null });
  });
}

function accountIn(ctx: GatewayContext): string | undefined {
  const text = queryText(ctx, 'accountId', ACCOUNT_ID_LENGTH_MAX);
  if (text !== undefined && !isAccountId(text)) throw invalid('query.accountId', `accountId ${ACCOUNT_ID_RULE}`);
  return text;
}

const cursorText = ({ minuteMs, accountId, reason, method, route }: RefusalPosition): string =>
  writeCursor([minuteMs, accountId, reason, method, route]);

/** A cursor is a position, not a secret: a forged one only starts at another position. */
function cursorIn(ctx: GatewayContext): RefusalPosition | undefined {
  const text = queryText(ctx, 'cursor', CURSOR_LENGTH_MAX);
  if (text === undefined) return undefined;
  const position = readPosition(text);
  if (position === null) throw invalid('query.cursor', 'cursor must be `next` of an earlier page');
  return position;
}

function readPosition(cursor: string): RefusalPosition | null {
  const [minuteMs, accountId, reason, method, route] = readCursor(cursor) ?? [];
  if (typeof minuteMs !== 'number' || !(minuteMs >= 0 && minuteMs < MS_MAX)) return null;
  return isText(accountId) && isText(reason) && isText(method) && isText(route) ? { minuteMs, accountId, reason, method, route } : null;
}

const isText = (value: unknown): value is string => typeof value === 'string' && isStorable(value);

const present = ({ minuteMs, firstAtMs, lastAtMs, ...rest }: Refusal): object => ({
  ...rest, minute: new Date(minuteMs).toISOString(), firstAt: new Date(firstAtMs).toISOString(), lastAt: new Date(lastAtMs).toISOString(),
});
