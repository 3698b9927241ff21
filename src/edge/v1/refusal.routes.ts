import Type from 'typebox';
import type { Refusal } from '../../credits/refusals/refusal.js';
import type { RefusalPosition, RefusalsQuery } from '../../credits/refusals/refusal.table.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId, isStorable } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { Moment, momentIn, MS_MAX } from '../http/moment.js';
import { queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import { TimeOut, timeText } from './values.js';

/** `readRefusals` with its database. */
export type RefusalRouteDeps = { readonly readRefusals: (query: RefusalsQuery) => Promise<readonly Refusal[]> };

const query = {
  account: Type.Optional(Type.String({ minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX, description: 'only of this account' })),
  from: Moment('from when, its whole minute included'),
  to: Moment('before when'),
  ...ListQuery,
};
const RefusalReply = Type.Object({
  account: Type.String(), minute: TimeOut(), reason: Type.String(), method: Type.String(), route: Type.String(),
  status: Type.Integer(),
  count: Type.Integer(), firstAt: TimeOut(), lastAt: TimeOut(), message: Type.String(), requestId: Type.String(),
});

/** Refused requests with time and reason, for support. */
export function refusalRoutes(add: AddRoute, { readRefusals }: RefusalRouteDeps): void {
  add('GET', '/v1/refusals', allow('supervisor', 'admin'), {
    summary: 'Refused requests, newest minute first', query, replies: { 200: ListOf(RefusalReply) }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    const limit = limitIn(ctx);
    const rows = await readRefusals({
      accountId: accountIn(ctx), fromMs: momentIn(ctx, 'from'), toMs: momentIn(ctx, 'to'), limit: limit + 1,
      after: cursorIn(ctx, readPosition),
    });
    reply(ctx, 200, listPage(rows, limit, present, partsOf));
  });
}

function accountIn(ctx: GatewayContext): string | undefined {
  const text = queryText(ctx, 'account', ACCOUNT_ID_LENGTH_MAX);
  if (text !== undefined && !isAccountId(text)) throw invalid('query.account', `account ${ACCOUNT_ID_RULE}`);
  return text;
}

const partsOf = ({ minuteMs, accountId, reason, method, route }: RefusalPosition): unknown[] =>
  [minuteMs, accountId, reason, method, route];

function readPosition([minuteMs, accountId, reason, method, route]: readonly unknown[]): RefusalPosition | null {
  if (typeof minuteMs !== 'number' || !(minuteMs >= 0 && minuteMs < MS_MAX)) return null;
  return isText(accountId) && isText(reason) && isText(method) && isText(route) ? { minuteMs, accountId, reason, method, route } : null;
}

const isText = (value: unknown): value is string => typeof value === 'string' && isStorable(value);

const present = ({ accountId, minuteMs, firstAtMs, lastAtMs, ...rest }: Refusal): object => ({
  account: accountId, ...rest, minute: timeText(minuteMs), firstAt: timeText(firstAtMs), lastAt: timeText(lastAtMs),
});
