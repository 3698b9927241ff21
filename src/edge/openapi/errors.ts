import Type, { type TSchema } from 'typebox';
import { ACCOUNT_FROZEN_SENTENCE, httpStatus, type ErrorCode } from '../../kit/errors.js';
import type { Envelope } from '../http/failure.js';
import { PROBLEMS } from '../http/problem.js';
import type { Route } from '../http/routes.js';
import type { Example, Header, MediaType } from './types.js';

export type FailureCode = ErrorCode | 'internal';

/** What a code means to a caller. Closed, like the codes: a new one does not compile until it is explained here. */
const MEANINGS: Readonly<Record<FailureCode, string>> = {
  invalid_request: 'Something in the request is missing or is not what it should be; `sources` names it',
  unauthenticated: 'Authentication token required',
  insufficient_credits: 'Insufficient credits',
  limit_reached: PROBLEMS.limit_reached.title,
  forbidden: 'Admin access required',
  not_found: 'Not found',
  method_not_allowed: PROBLEMS.method_not_allowed.title,
  account_not_found: 'There is no such account',
  hold_not_found: 'There is no such session of this account',
  hold_resolved: 'The session or usage key has ended already, with usage that cost as much or more, or too long ago; `first` tells how',
  progress_backwards: PROBLEMS.progress_backwards.title,
  not_refundable: PROBLEMS.not_refundable.title,
  precondition_failed: PROBLEMS.precondition_failed.title,
  conflict: 'The request conflicts with existing data',
  body_too_large: 'The body is too large',
  unsupported_media_type: 'The body must be application/json in UTF-8, not compressed',
  idempotency_mismatch: 'This Idempotency-Key was used for another request; use a new one',
  account_frozen: ACCOUNT_FROZEN_SENTENCE,
  unknown_model: PROBLEMS.unknown_model.title,
  unknown_limit: PROBLEMS.unknown_limit.title,
  price_missing: PROBLEMS.price_missing.title,
  rate_limited: PROBLEMS.rate_limited.title,
  limit_exceeded: 'A limit of the account is reached',
  not_configured: 'The gateway lacks a setting that this needs',
  ledger_unavailable: 'The ledger did not answer; `outcome` tells whether anything happened. Ask again with the same key or session',
  internal: 'Internal server error',
};

/** As the error boundary decides it: a legacy route may have always said something else. */
const statusOf = ({ wording }: Route, code: FailureCode): number => (code === 'internal' ? 500 : wording[code]?.status ?? httpStatus[code]);

const common = {
  success: Type.Literal(false, { description: 'a failure' }),
  status: Type.Integer({ description: 'the HTTP status' }),
  message: Type.String({ description: 'what to show to a person' }),
  sources: Type.Array(Type.Object({
    path: Type.String({ description: 'where: `body.credits`, `query.limit`, `header.Idempotency-Key`' }),
    message: Type.String({ description: 'what is wrong with it' }),
  }), { description: 'what was wrong, and where' }),
  outcome: Type.Optional(Type.Enum(['not_executed', 'unknown'], { description: 'with 503: whether the operation may have happened' })),
  first: Type.Optional(Type.Object({}, { description: 'the outcome of the first attempt, when a second one is refused because of it' })),
  requestId: Type.String({ description: 'the X-Request-Id of the answer' }),
};
const Code = () => Type.Enum(Object.keys(MEANINGS), { description: 'what to branch on' });

/** The envelopes of failures (docs/contracts/README.md#c-11): what to branch on is `error`, but where callers have always shown that. */
export const errorSchemas = {
  Error: Type.Object({
    ...common, error: Code(),
    data: Type.Optional(Type.Object({
      status: Type.String({ description: 'where it stands' }), message: Type.String({ description: 'what to show to a person' }),
    }, {
      description: 'only below /api/credits-process and its aliases',
    })),
  }),
  TextError: Type.Object({ ...common, error: Type.String({ description: '`message`, or `Unauthorized`' }), code: Code() }),
  Problem: Type.Object({
    type: Type.String({ description: 'the page that explains the code' }),
    title: Type.String({ description: 'what the code means' }), status: common.status,
    detail: Type.String({ description: 'what happened, for people' }),
    code: Type.Enum(Object.values(PROBLEMS).map(({ code }) => code), { description: 'what to branch on; the list is closed' }),
    errors: common.sources,
    available: Type.Optional(Type.String({ description: 'with 402: the credits that can be spent' })),
    required: Type.Optional(Type.String({ description: 'with 402: the credits that were asked for' })),
    shortBy: Type.Optional(Type.String({ description: 'with 402: what is missing' })),
    limit: Type.Optional(Type.String({ description: 'with 402: the spending limit that refused' })),
    resetsAt: Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'with `limit`: when it allows spending again' })),
    outcome: common.outcome, first: common.first, requestId: common.requestId,
  }),
} as const;

/** Every code a route can fail with, by status. What its gate, body and parameters refuse follows from these alone. */
export function failuresOf(route: Route): ReadonlyMap<number, readonly FailureCode[]> {
  const { gate, body, params, query, headers, wording, errors } = route;
  const codes = new Set<FailureCode>();
  if (route.strictQuery || [params, query, headers].some((fields) => Object.keys(fields).length > 0)) codes.add('invalid_request');
  if (body !== null) for (const code of ['invalid_request', 'body_too_large', 'unsupported_media_type'] as const) codes.add(code);
  if (gate.kind !== 'public') codes.add('unauthenticated');
  if (gate.kind !== 'public' && route.page === undefined) codes.add('ledger_unavailable'); // a process that is behind refuses all of them
  if (gate.kind === 'roles' || gate.kind === 'server-key' || gate.kind === 'callers') codes.add('forbidden');
  if (gate.kind === 'server-key') codes.add('not_configured');
  for (const code of [...errors, ...Object.keys(wording) as ErrorCode[]]) codes.add(code);
  codes.add('internal');
  if (route.page === undefined && !route.isProbe) codes.add('rate_limited');
  const byStatus = new Map<number, FailureCode[]>();
  for (const code of codes) {
    const status = statusOf(route, code);
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  return byStatus;
}

/** How a status of a route is worded: one example for each of its codes, by the name that the envelope gives it. */
export function failureExamples(route: Route, codes: readonly FailureCode[], envelope: Envelope): Readonly<Record<string, Example>> {
  return Object.fromEntries(codes.map((code) => {
    const summary = meaningOf(route, code, envelope);
    const value = envelope.write({
      status: statusOf(route, code), code, message: (code === 'internal' ? undefined : route.wording[code]?.message) ?? summary,
      sources: code === 'invalid_request'
        ? [{ path: route.body === null ? 'query.limit' : 'body.amount', message: 'must be a number above 0' }]
        : [],
      outcome: code === 'ledger_unavailable' ? 'not_executed' : undefined, first: undefined, shortage: undefined,
      requestId: 'kX3v9aQz-1f',
    });
    return [nameIn(envelope, code), { value }];
  }));
}

/** What callers of the envelope branch on. */
const nameIn = (envelope: Envelope, code: FailureCode): string => (envelope.schema === 'Problem' ? PROBLEMS[code].code : code);

/** The codes of a status with their meanings, for people. */
export const failureSentence = (route: Route, codes: readonly FailureCode[], envelope: Envelope): string =>
  codes.map((code) => `\`${nameIn(envelope, code)}\`: ${meaningOf(route, code, envelope)}.`).join(' ');

function meaningOf({ gate }: Route, code: FailureCode, envelope: Envelope): string {
  if (envelope.schema === 'Problem') return PROBLEMS[code].meaning;
  if (gate.kind !== 'server-key') return MEANINGS[code];
  if (code === 'unauthenticated') return 'Server API key is required';
  return code === 'forbidden' ? `This server API key has no scope ${gate.scope}` : MEANINGS[code];
}

/** The content of a failure. `own`: what the route itself may answer with this status. */
export function failureContent(
  own: TSchema | undefined, examples: Readonly<Record<string, Example>>, { schema: name, mediaType }: Envelope,
): Readonly<Record<string, MediaType>> {
  const schema: TSchema = Type.Unsafe({ $ref: `#/components/schemas/${name}` });
  if (own === undefined) return { [mediaType]: { schema, examples } };
  if (mediaType !== 'application/json') return { 'application/json': { schema: own }, [mediaType]: { schema, examples } };
  return { [mediaType]: { schema: Type.Union([own, schema]), examples } };
}

/** Headers that come with a failure, besides those of every answer. */
export function failureHeaders(status: number): Readonly<Record<string, Header>> {
  if (status === 401) return { 'WWW-Authenticate': { description: 'always `Bearer`', schema: Type.String() } };
  if (status === 503 || status === 429) return { 'Retry-After': { description: 'seconds to wait', schema: Type.Integer() } };
  return {};
}
