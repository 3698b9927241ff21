export { answerFacts, type AnswerFacts } from './answers.js';
export { CreditGateway, type GatewayOptions } from './client.js';
export {
  GatewayError, InsufficientCreditsError, isUnavailable, UnsettledError, type ErrorCode, type Outcome, type Shortage, type Unsettled,
} from './errors.js';
export type { Allow, AllowedStream } from './allowance.js';
export type { SettleLease, Lease, LeaseHooks, StreamOptions } from './lease.js';
export { eachOf } from './pages.js';
export type { CallOptions, Fetch } from './transport.js';
export type * from './types.js';
