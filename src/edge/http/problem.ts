import type { ErrorCode } from '../../kit/errors.js';
import { creditsText } from '../../kit/money/credits.js';
import { MICROS_PER_CREDIT, micros } from '../../kit/money/micros.js';
import type { Envelope, Failure } from './failure.js';

export const PROBLEM_TYPE = 'application/problem+json';

/** The page that explains the codes; each has an anchor of its name (edge/openapi/docs.routes.ts). */
export const PROBLEM_PAGE = '/docs/errors';

/** A code of `/v1`, its title, and what a caller does about it. */
export type ProblemKind = { readonly code: string; readonly title: string; readonly meaning: string };

/**
 * Every failure in the words of `/v1`. A closed list: a new code of the core does not compile until it is here. Two codes
 * of the core have another name, because the legacy APIs keep the old one.
 */
export const PROBLEMS: Readonly<Record<ErrorCode | 'internal', ProblemKind>> = {
  invalid_request: {
    code: 'invalid_request', title: 'The request is not valid',
    meaning: 'Something is missing, unknown or not what it should be; `errors` names each place. Correct the request',
  },
  unauthenticated: {
    code: 'unauthenticated', title: 'The caller is not known',
    meaning: 'Send `Authorization: Bearer` with a valid token or API key',
  },
  insufficient_credits: {
    code: 'insufficient_credits', title: 'The account has too few credits',
    meaning: '`available`, `required` and `shortBy` tell how much is missing. Nothing has changed',
  },
  limit_reached: {
    code: 'limit_reached', title: 'A spending limit of the account is reached',
    meaning: '`limit` names the spending limit that refused, `resetsAt` when it allows spending again. Nothing has changed',
  },
  forbidden: {
    code: 'forbidden', title: 'The caller may not do this',
    meaning: 'The account belongs to another caller, the API key lacks the scope, or the role does not suffice',
  },
  not_found: {
    code: 'not_found', title: 'There is no such thing',
    meaning: 'There is nothing under this name',
  },
  method_not_allowed: {
    code: 'method_not_allowed', title: 'The path does not have this method',
    meaning: 'There is something at this path, but not for this method; `Allow` lists its methods',
  },
  account_not_found: {
    code: 'account_not_found', title: 'There is no such account',
    meaning: 'There is no account under this id',
  },
  hold_not_found: {
    code: 'hold_not_found', title: 'There is no such hold',
    meaning: 'This account has no hold of this id',
  },
  hold_resolved: {
    code: 'hold_resolved', title: 'The hold has ended',
    meaning: 'The hold was settled or voided or has expired; `first` tells how. Nothing has changed',
  },
  progress_backwards: {
    code: 'progress_backwards', title: 'The reported usage is less than before',
    meaning: 'Usage of a hold is reported in total and never decreases; the reported usage is less than an earlier report',
  },
  not_refundable: {
    code: 'not_refundable', title: 'More than was captured cannot be refunded',
    meaning: 'A refund is never more than was captured, all refunds together',
  },
  conflict: {
    code: 'conflict', title: 'The request conflicts with what is there',
    meaning: 'The request does not fit what is there; `detail` tells why',
  },
  precondition_failed: {
    code: 'precondition_failed', title: 'The resource has changed',
    meaning: 'The resource is not the one that `If-Match` names: read it again',
  },
  body_too_large: {
    code: 'body_too_large', title: 'The body is too large',
    meaning: 'The body is larger than this route takes; `detail` tells how many bytes it may have',
  },
  unsupported_media_type: {
    code: 'unsupported_media_type', title: 'The body is not JSON in UTF-8',
    meaning: 'Send the body as `application/json` in UTF-8, not compressed',
  },
  idempotency_mismatch: {
    code: 'idempotency_key_reused', title: 'The name was used for another request',
    meaning: 'This `Idempotency-Key` or hold id named another request before. Use a new one for a new request',
  },
  unknown_limit: {
    code: 'unknown_limit', title: 'The account has no limit of this id',
    meaning: '`errors` names the limit. Define it, or leave it out. Nothing has changed',
  },
  unknown_model: {
    code: 'unknown_model', title: 'The model has no price',
    meaning: 'No price book knows this model under any of its names',
  },
  price_missing: {
    code: 'price_missing', title: 'A class of tokens has no price',
    meaning: 'The model has no price for a class of tokens that the usage contains; `errors` names the class',
  },
  account_frozen: {
    code: 'account_frozen', title: 'The account is frozen',
    meaning: 'An operator froze the account; nothing is written to it until it is thawed',
  },
  limit_exceeded: {
    code: 'too_many', title: 'The account cannot have more of this',
    meaning: 'The account has as many open holds or lots, or as large a balance, as it may have',
  },
  rate_limited: {
    code: 'rate_limited', title: 'Too many requests',
    meaning: 'Ask again after the seconds in `Retry-After`',
  },
  not_configured: {
    code: 'not_configured', title: 'The gateway lacks a setting',
    meaning: 'The gateway lacks a setting that this needs; its operator must add it',
  },
  ledger_unavailable: {
    code: 'ledger_unavailable', title: 'The ledger did not answer',
    meaning: '`outcome` tells whether anything may have happened. After the seconds in `Retry-After`, send the same request again, '
      + 'under the same `Idempotency-Key` or hold id',
  },
  internal: {
    code: 'internal', title: 'Internal server error',
    meaning: 'A fault of the gateway; the log has the `requestId`',
  },
};

/** A failure as RFC 9457 problem details: what `/v1` answers (docs/contracts/native.md#errors). */
export const problemEnvelope: Envelope = {
  schema: 'Problem',
  mediaType: PROBLEM_TYPE,
  write: ({ status, code: name, message, sources, outcome, first, shortage, requestId }) => {
    const { code, title } = PROBLEMS[name];
    return {
      type: `${PROBLEM_PAGE}#${code}`, title, status, detail: detailOf(message, sources), code, errors: sources,
      ...(shortage === undefined ? {} : shortageOf(shortage)),
      ...(outcome === undefined ? {} : { outcome }),
      ...(first === undefined ? {} : { first: amountsAsText(first) }),
      requestId,
    };
  },
};

/** The numbers of an outcome are credits, which `/v1` writes as decimal text. */
const amountsAsText = (first: Readonly<Record<string, unknown>>): object => Object.fromEntries(Object.entries(first).map(([name, value]) =>
  [name, typeof value === 'number' ? creditsText(micros(Math.round(value * MICROS_PER_CREDIT))) : value]));

/** The sentence of a wrong field alone does not tell which. */
const detailOf = (message: string, [first]: Failure['sources']): string =>
  (first?.message === message ? `${first.path}: ${message}` : message);

function shortageOf({ required, available, limit, resetsAtMs }: NonNullable<Failure['shortage']>): object {
  return {
    available: creditsText(available), required: creditsText(required), shortBy: creditsText(micros(Math.max(0, required - available))),
    ...(limit === undefined ? {} : { limit }),
    ...(resetsAtMs === undefined ? {} : { resetsAt: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString() }),
  };
}
