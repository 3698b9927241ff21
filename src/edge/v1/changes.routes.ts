import Type from 'typebox';
import type { Change, ChangesQuery } from '../../credits/changes/change.table.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../../kit/ids.js';
import { ACCOUNT_ID_LENGTH_MAX, NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { givenText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import { storable, TimeOut, timeText } from './values.js';

/** `readChanges` with its database. */
export type ChangeRouteDeps = { readonly readChanges: (query: ChangesQuery) => Promise<readonly Change[]> };

const query = {
  ...ListQuery,
  account: Type.Optional(Type.String({ minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX, description: 'only of this account' })),
  actor: Type.Optional(Type.String({ minLength: 1, maxLength: NOTES_LENGTH_MAX, description: 'only of this operator or service' })),
};
const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T, description: string) =>
  Type.Union([type, Type.Null()], { description });
const ChangeReply = Type.Object({
  id: Type.String(), at: TimeOut(), actor: Type.String({ description: 'the operator\'s account, or the name of the API key' }),
  actorKind: Type.Enum(['operator', 'service'], { description: 'who asked for it' }),
  reason: OrNull(Type.String(), 'why; null: none was given'),
  method: Type.String({ description: 'of the request' }), path: Type.String({ description: 'of the request' }),
  account: OrNull(Type.String(), 'the account that it is about; null: none, or several'),
  body: OrNull(Type.Object({}, { additionalProperties: true }), 'what was asked; null: the request has no body'),
  requestId: Type.String({ description: 'names the request in logs' }),
  status: OrNull(Type.Integer(), 'the HTTP status of the answer; null: it still runs, or what became of it is unknown'),
});

/** What operators and services have changed that is no entry of a ledger, and why (docs/contracts/native.md#changes). */
export function changeRoutes(add: AddRoute, { readChanges }: ChangeRouteDeps): void {
  add('GET', '/v1/changes', allow('admin'), {
    summary: 'Changes of configuration with actor, time and reason, the newest first', query, replies: { 200: ListOf(ChangeReply) },
    errors: ['ledger_unavailable'],
  }, async (ctx) => {
    const limit = limitIn(ctx);
    const before = cursorIn(ctx, ([id]) => (Number.isSafeInteger(id) && (id as number) > 0 ? id as number : null));
    const rows = await readChanges({ accountId: accountIn(ctx), actor: actorIn(ctx), before, limit: limit + 1 });
    reply(ctx, 200, listPage(rows, limit, present, ({ changeId }) => [changeId]));
  });
}

function accountIn(ctx: GatewayContext): string | undefined {
  const text = givenText(ctx, 'account', ACCOUNT_ID_LENGTH_MAX);
  if (text === undefined || isAccountId(text)) return text;
  throw invalid('query.account', `account ${ACCOUNT_ID_RULE}`);
}

function actorIn(ctx: GatewayContext): string | undefined {
  const text = givenText(ctx, 'actor', NOTES_LENGTH_MAX);
  return text === undefined ? undefined : storable(text, 'query.actor');
}

const present = ({ changeId, atMs, accountId, body, ...rest }: Change): object => ({
  id: String(changeId), at: timeText(atMs), account: accountId, ...rest, body: body === null ? null : JSON.parse(body) as object,
});
