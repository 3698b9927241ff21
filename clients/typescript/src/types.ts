import type { components, paths } from './generated.js';

/** Types of the routes of `/v1`, found by the name of a route such as `POST /v1/holds`. */

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type OperationsOf<P extends keyof paths> = {
  [M in Method]: Exclude<paths[P][M], undefined> extends never ? never : `${Uppercase<M>} ${P}`;
}[Method];

/** Every route of `/v1`. */
export type RouteName = { [P in keyof paths]: OperationsOf<P> }[keyof paths];

type OperationOf<R extends RouteName> = R extends `${infer M} ${infer P extends keyof paths}`
  ? Lowercase<M> extends keyof paths[P] ? NonNullable<paths[P][Lowercase<M>]> : never
  : never;

/** What a route reads. */
export type BodyOf<R extends RouteName> =
  OperationOf<R> extends { requestBody: { content: { 'application/json': infer Body } } } ? Body : never;

type ParametersOf<R extends RouteName, Where extends string> =
  OperationOf<R> extends { parameters: infer All } ? Where extends keyof All ? NonNullable<All[Where]> : never : never;
export type QueryOf<R extends RouteName> = ParametersOf<R, 'query'>;
export type PathOf<R extends RouteName> = ParametersOf<R, 'path'>;

type JsonOf<Response> = Response extends { content: { 'application/json': infer Json } } ? Json : undefined;

/** What a route answers when it succeeds; `undefined` where it answers 204 without a body. */
export type AnswerOf<R extends RouteName> =
  OperationOf<R> extends { responses: infer All } ? { [Status in keyof All]: JsonOf<All[Status]> }[keyof All] : never;

export type Problem = components['schemas']['Problem'];

export type PlaceHold = BodyOf<'POST /v1/holds'>;
export type ExtendHold = BodyOf<'POST /v1/holds/{holdId}/extend'>;
export type ReportProgress = BodyOf<'POST /v1/holds/{holdId}/progress'>;
export type SettleHold = BodyOf<'POST /v1/holds/{holdId}/settle'>;
export type VoidHold = BodyOf<'POST /v1/holds/{holdId}/void'>;
/** An open hold: what place, extend and progress answer. */
export type OpenHold = AnswerOf<'POST /v1/holds'>;
/** How a hold ended: what settle and void answer. */
export type Receipt = AnswerOf<'POST /v1/holds/{holdId}/settle'>;
export type Hold = AnswerOf<'GET /v1/holds/{holdId}'>;
/** Tokens by class, in total so far. `inputTokens` and `outputTokens` are totals, the others are parts of them. */
export type TokenUsage = NonNullable<SettleHold['usage']>;
/** How a request ended. */
export type EndReason = VoidHold['reason'];
export type CreateCharge = BodyOf<'POST /v1/charges'>;
export type Charge = AnswerOf<'POST /v1/charges'>;
export type CreateQuote = BodyOf<'POST /v1/quotes'>;
export type Quote = AnswerOf<'POST /v1/quotes'>;
export type CreateGrant = BodyOf<'POST /v1/grants'>;
export type Grant = AnswerOf<'POST /v1/grants'>;
export type CreateRefund = BodyOf<'POST /v1/refunds'>;
export type Refund = AnswerOf<'POST /v1/refunds'>;
export type CreateTransfer = BodyOf<'POST /v1/transfers'>;
export type Transfer = AnswerOf<'POST /v1/transfers'>;
export type Account = AnswerOf<'GET /v1/accounts/{accountId}'>;
export type Limit = AnswerOf<'GET /v1/accounts/{accountId}/limits/{limitId}'>;
export type SetLimit = BodyOf<'PUT /v1/accounts/{accountId}/limits/{limitId}'>;
export type Terms = AnswerOf<'GET /v1/accounts/{accountId}/terms'>;
export type SetTerms = BodyOf<'PUT /v1/accounts/{accountId}/terms'>;
export type Member = AnswerOf<'GET /v1/accounts/{accountId}/members/{spender}'>;
export type Lot = AnswerOf<'GET /v1/accounts/{accountId}/lots'>['data'][number];
export type Entry = AnswerOf<'GET /v1/accounts/{accountId}/entries'>['data'][number];
export type Usage = AnswerOf<'GET /v1/usage'>;
export type Batch = BodyOf<'POST /v1/batch'>;
export type BatchAnswer = AnswerOf<'POST /v1/batch'>;
export type Webhook = AnswerOf<'GET /v1/webhooks/{webhookId}'>;
export type CreateWebhook = BodyOf<'POST /v1/webhooks'>;
export type GatewayEvent = AnswerOf<'GET /v1/events'>['data'][number];
