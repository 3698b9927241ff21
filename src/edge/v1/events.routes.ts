import Type from 'typebox';
import { EVENT_TYPES, type EventsQuery, type EventType, type StoredEvent } from '../../books/event.table.js';
import { messageOf } from '../../credits/webhooks/event-message.js';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_LENGTH_MAX } from '../../kit/limits.js';
import type { NativeCaller } from '../../kit/principal.js';
import { callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { writeCursor } from '../http/cursor.js';
import { reply } from '../http/json.js';
import { queryText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { AccountId, accountOf } from './callers.js';
import { cursorIn, limitIn, ListQuery } from './lists.js';
import { Event } from './webhook-fields.js';

export type EventRouteDeps = { readonly listEvents: (query: EventsQuery) => Promise<readonly StoredEvent[]> };

const TYPES_LENGTH_MAX = 500;

/** The events of accounts, for those who would rather ask for them. */
export function eventRoutes(add: AddRoute, { listEvents }: EventRouteDeps): void {
  add('GET', '/v1/events', callers('read'), {
    summary: 'Events of accounts, the oldest first. Keep `nextCursor`, and ask with it again for what came since',
    query: {
      ...ListQuery,
      account: Type.Optional(AccountId('only of this account; a user\'s own by default, otherwise all that the caller may read')),
      type: Type.Optional(Type.String({ maxLength: TYPES_LENGTH_MAX, description: 'only these types, separated by commas' })),
    },
    replies: { 200: Type.Object({ data: Type.Array(Event), nextCursor: Type.String({ description: 'always there: events never end' }) }) },
    errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const after = cursorIn(ctx, ([at]) => (Number.isSafeInteger(at) && (at as number) >= 0 ? at as number : null)) ?? 0;
    const events = await listEvents({ ...accountsIn(ctx, principal), after, limit: limitIn(ctx), types: typesIn(ctx) });
    reply(ctx, 200, { data: events.map(messageOf), nextCursor: writeCursor([events.at(-1)?.position ?? after]) });
  });
}

function accountsIn(ctx: GatewayContext, caller: NativeCaller): Pick<EventsQuery, 'accountId' | 'accountPrefix'> {
  const named = queryText(ctx, 'account', ACCOUNT_ID_LENGTH_MAX);
  if (named !== undefined || caller.kind === 'user' || (caller.kind === 'service' && caller.key.payer !== null)) {
    return { accountId: accountOf(ctx, caller, named, 'query.account') };
  }
  return caller.kind === 'service' && caller.key.accountPrefix !== null ? { accountPrefix: caller.key.accountPrefix } : {};
}

function typesIn(ctx: GatewayContext): EventType[] | undefined {
  const text = queryText(ctx, 'type', TYPES_LENGTH_MAX);
  if (text === undefined) return undefined;
  return text.split(',').map((each) => {
    const found = EVENT_TYPES.find((type) => type === each.trim());
    if (found === undefined) throw invalid('query.type', `must be of ${EVENT_TYPES.join(', ')}`);
    return found;
  });
}
