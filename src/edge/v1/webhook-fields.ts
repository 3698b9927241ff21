import Type, { type Static } from 'typebox';
import { EVENT_TYPES } from '../../books/event.table.js';
import { DELIVERY_STATES, type Answer, type DeliveryRow } from '../../credits/webhooks/delivery.table.js';
import type { EndpointFilter, EndpointRow, EndpointSettings } from '../../credits/webhooks/endpoint.table.js';
import { messageOf } from '../../credits/webhooks/event-message.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { NOTES_LENGTH_MAX, WEBHOOK_URL_LENGTH_MAX } from '../../kit/limits.js';
import type { NativeCaller } from '../../kit/principal.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, mayActOn } from './callers.js';
import {
  AmountIn, AmountOut, creditsText, OptionalTimeOut, positiveAmountIn, TimeOut, timeText, timeTextOrNull,
} from './values.js';

const OrNull = () => Type.Union([Type.String(), Type.Null()]);
const Types = (description = 'what it gets; empty: all') =>
  Type.Array(Type.Enum([...EVENT_TYPES]), { maxItems: EVENT_TYPES.length, uniqueItems: true, description });

/** An event, as it is listed and sent. */
export const Event = Type.Object({
  id: Type.String({ description: 'the `webhook-id` of its deliveries' }), type: Type.Enum([...EVENT_TYPES]), timestamp: TimeOut(),
  account: Type.String(), data: Type.Object({}, { description: 'by type', additionalProperties: true }),
});

export const endpointBody = nativeBody(Strict({
  url: Type.Refine(
    Type.String({ minLength: 1, maxLength: WEBHOOK_URL_LENGTH_MAX, description: 'https, on a public address' }),
    (text) => /^[!-~]*$/.test(text), () => 'must be visible ASCII',
  ),
  description: Type.Optional(storedText(1, NOTES_LENGTH_MAX)),
  events: Type.Optional(Types()),
  account: Type.Optional(AccountId('only events of this account')),
  accountPrefix: Type.Optional(AccountId('only events of accounts whose id begins with this')),
  lowBalance: Type.Optional(AmountIn('`balance.low` when an account falls below this; without it, below the account\'s own threshold')),
  enabled: Type.Optional(Type.Boolean({ default: true })),
}, { examples: [{ url: 'https://hooks.example/credits', events: ['balance.low', 'limit.reached'], lowBalance: '5' }] }));
export type EndpointBody = ReturnType<typeof endpointBody.parse>;

export const endpointFields = {
  id: Type.String(), url: Type.String(), description: OrNull(), events: Types(), account: OrNull(), accountPrefix: OrNull(),
  lowBalance: Type.Union([AmountOut(), Type.Null()]), state: Type.Enum(['enabled', 'disabled']),
  disabledReason: Type.Union([Type.Enum(['request', 'failures', 'gone']), Type.Null()], {
    description: 'failures: five days without a success; gone: it answered 410',
  }),
  disabledAt: OptionalTimeOut(), failingSince: OptionalTimeOut(),
  previousSecretEndsAt: Type.Union([TimeOut(), Type.Null()], { description: 'until then the secret before signs, too' }),
  createdBy: Type.String(), createdAt: TimeOut(),
};

const AnswerOut = Type.Object({
  at: TimeOut(), durationMs: Type.Integer(), status: Type.Union([Type.Integer(), Type.Null()]),
  body: Type.Union([Type.String(), Type.Null()], { description: 'the beginning of the answer' }),
  problem: Type.Union([Type.String(), Type.Null()], { description: 'why there was no answer' }),
});
export const Delivery = Type.Object({
  id: Type.String(), webhook: Type.String(), state: Type.Enum([...DELIVERY_STATES]),
  attempts: Type.Integer({ description: 'how many attempts, since it was made or last resent' }), nextAttemptAt: OptionalTimeOut(),
  createdAt: TimeOut(), endedAt: OptionalTimeOut(), event: Event, answers: Type.Array(AnswerOut),
});

/**
 * Settings of a body. A caller that is bound to accounts may leave them out.
 *
 * @throws GatewayError invalid_request, forbidden (accounts of others)
 */
export function settingsIn(caller: NativeCaller, body: EndpointBody): EndpointSettings {
  const filter = filterIn(caller, body);
  if (!maySee(caller)(filter)) {
    const path = body.account === undefined ? 'body.accountPrefix' : 'body.account';
    throw new GatewayError('forbidden', 'These are not accounts of this API key', {
      sources: [{ path, message: 'is not of this API key' }],
    });
  }
  const { url, description = null, events = [], lowBalance, enabled = true } = body;
  return {
    ...filter, url, description, eventTypes: EVENT_TYPES.filter((type) => events.includes(type)), enabled,
    lowBalance: lowBalance === undefined ? null : positiveAmountIn(lowBalance, 'body.lowBalance'),
  };
}

function filterIn(caller: NativeCaller, { account, accountPrefix }: EndpointBody): EndpointFilter {
  if (account !== undefined && accountPrefix !== undefined) throw invalid('body.accountPrefix', 'and account exclude each other');
  if (account === undefined && accountPrefix === undefined && caller.kind === 'service') {
    return { accountId: caller.key.payer, accountPrefix: caller.key.accountPrefix };
  }
  return { accountId: account ?? null, accountPrefix: accountPrefix ?? null };
}

/** Endpoints whose accounts are all the caller's. */
export const maySee = (caller: NativeCaller) => ({ accountId, accountPrefix }: EndpointFilter): boolean => {
  if (accountId !== null) return mayActOn(caller, accountId);
  if (caller.kind !== 'service') return caller.kind === 'operator';
  const { payer, accountPrefix: bound } = caller.key;
  return payer === null && (bound === null || (accountPrefix ?? '').startsWith(bound));
};

export const presentEndpoint = (endpoint: EndpointRow) => ({
  id: endpoint.endpointId, url: endpoint.url, description: endpoint.description, events: [...endpoint.eventTypes],
  account: endpoint.accountId, accountPrefix: endpoint.accountPrefix,
  lowBalance: endpoint.lowBalance === null ? null : creditsText(endpoint.lowBalance), state: endpoint.state,
  disabledReason: endpoint.disabledReason, disabledAt: timeTextOrNull(endpoint.disabledAtMs),
  failingSince: timeTextOrNull(endpoint.failingSinceMs), previousSecretEndsAt: timeTextOrNull(endpoint.previousEndsAtMs),
  createdBy: endpoint.createdBy, createdAt: timeText(endpoint.createdAtMs),
});

const presentAnswer = ({ atMs, ...answer }: Answer): Static<typeof AnswerOut> => ({ at: timeText(atMs), ...answer });

export const presentDelivery = (delivery: DeliveryRow): object => ({
  id: String(delivery.deliveryId), webhook: delivery.endpointId, state: delivery.state, attempts: delivery.attempts,
  nextAttemptAt: delivery.state === 'pending' ? timeText(delivery.nextAtMs) : null, createdAt: timeText(delivery.createdAtMs),
  endedAt: timeTextOrNull(delivery.endedAtMs), event: messageOf(delivery.event), answers: delivery.answers.map(presentAnswer),
});
