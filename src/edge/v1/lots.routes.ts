import Type from 'typebox';
import { grantIdOf } from '../../books/money-in.table.js';
import type { AccountLot, AccountLotsQuery, LotPosition } from '../../books/account-lots.table.js';
import { isStorable } from '../../kit/ids.js';
import { creditsText } from '../../kit/money/credits.js';
import { callers } from '../auth/allow.js';
import { reply } from '../http/json.js';
import { queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { accountParams } from './account.routes.js';
import { accountOfPath, type NameAccount } from './callers.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import { presentRule, RuleOut } from './lot-fields.js';
import { AmountOut, OptionalTimeOut, timeText, timeTextOrNull, TimeOut } from './values.js';

export type LotRouteDeps = {
  readonly nameAccount: NameAccount;
  /** Lots as Postgres has them, after it was brought up to date. */
  readonly readLots: (query: AccountLotsQuery) => Promise<readonly AccountLot[]>;
};

const STATES: ReadonlyMap<string, boolean> = new Map([['live', true], ['all', false]]);
const OrNull = () => Type.Union([Type.String(), Type.Null()]);
const Lot = Type.Object({
  id: Type.String({ description: 'of a grant: its id' }), kind: Type.String(), source: OrNull(), reason: OrNull(),
  amount: AmountOut(), remaining: AmountOut('available'), held: AmountOut('in open holds'),
  ...RuleOut, grantedAt: TimeOut(), expiresAt: OptionalTimeOut(), closedAt: OptionalTimeOut(),
  entry: Type.Integer({ description: '`seq` of the entry that opened it' }),
});

export function lotRoutes(add: AddRoute, { nameAccount, readLots }: LotRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/lots', callers('read'), {
    summary: 'The lots of an account, the newest first', params: accountParams,
    query: { ...ListQuery, state: WordField(STATES, 'those that something is left of, which is the default, or all') },
    replies: { 200: ListOf(Lot) }, errors: ['account_not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const limit = limitIn(ctx);
    const before = cursorIn(ctx, readPosition);
    const liveOnly = queryWord(ctx, 'state', STATES) ?? true;
    const accountId = await accountOfPath(ctx, principal, nameAccount);
    const rows = await readLots({ accountId, liveOnly, before, limit: limit + 1 });
    reply(ctx, 200, listPage(rows, limit, present, ({ openedSeq, lotId }) => [openedSeq, lotId]));
  });
}

function readPosition([openedSeq, lotId]: readonly unknown[]): LotPosition | null {
  if (!Number.isSafeInteger(openedSeq) || typeof lotId !== 'string' || !isStorable(lotId)) return null;
  return { openedSeq: openedSeq as number, lotId };
}

const present = (lot: AccountLot): object => ({
  id: grantIdOf(lot.lotId), kind: lot.kind, source: lot.source, reason: lot.reason, amount: creditsText(lot.amount),
  remaining: creditsText(lot.remaining), held: creditsText(lot.held), ...presentRule(lot.rule), grantedAt: timeText(lot.grantedAtMs),
  expiresAt: timeTextOrNull(lot.expiresAtMs), closedAt: timeTextOrNull(lot.closedAtMs), entry: lot.openedSeq,
});
