import Type from 'typebox';
import { listOpenStreams } from '../../credits/holds/list-open-streams.js';
import { placeStreamHold, type StreamHoldDeps } from '../../credits/holds/place-stream-hold.js';
import { settleStreamHold, type SettledStream, type SettleStreamDeps } from '../../credits/holds/settle-stream-hold.js';
import { HOLD_ID_LENGTH_MAX, LONG_BODY_BYTES_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Role } from '../../kit/principal.js';
import type { Ledger, Principal } from '../../ledger/ledger.js';
import { authenticated } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import { markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { booleanOrNull, requiredBodyOf } from '../http/schema.js';
import { presentSession, Session } from './session-views.routes.js';
import { byOneCount, ModelId, Tokens, wholeTokens } from './tokens.js';

export type SessionDeps = StreamHoldDeps & SettleStreamDeps & { readonly ledger: Ledger };

const INVALID = 'Missing required fields';
const SessionId = () => Type.String({ minLength: 1, maxLength: HOLD_ID_LENGTH_MAX, pattern: '^[!-~]+$' });

// Zero tokens estimate nothing: the original calls that a missing field. Half a token is already something.
const initializeBody = byOneCount(requiredBodyOf(
  Type.Object({ sessionId: SessionId(), modelId: ModelId(), estimatedTokens: Tokens(Number.MIN_VALUE) }), INVALID,
), INVALID);
// `responseContent` and `duration` come along and are not looked at.
const finalizeBody = byOneCount(requiredBodyOf(
  Type.Object({ sessionId: SessionId(), actualTokens: Tokens(), success: Type.Optional(booleanOrNull()) }), INVALID,
), INVALID);
const abortBody = byOneCount(requiredBodyOf(
  Type.Object({ sessionId: SessionId(), tokensGenerated: Type.Optional(Tokens()) }), INVALID,
), INVALID);

const Initialized = Type.Object({ sessionId: Type.String(), allocatedCredits: CreditsReply(), status: Type.Literal('active') });
const beyondHold = { refund: CreditsReply(), overageCharged: CreditsReply(), debt: CreditsReply(), uncollected: CreditsReply() };
const Finalized = Type.Object({ sessionId: Type.String(), actualCredits: CreditsReply(), ...beyondHold });
const Aborted = Type.Object({ sessionId: Type.String(), partialCredits: CreditsReply(), ...beyondHold });

/**
 * A streaming session is a hold: initialize places it, finalize and abort settle it
 * (docs/contracts/accounting-service.md#streaming-sessions).
 */
export function sessionRoutes(add: AddRoute, deps: SessionDeps): void {
  add('POST', '/api/streaming-sessions/initialize', authenticated(), {
    summary: 'Reserve the estimated cost of a stream', body: initializeBody, replies: { 201: Initialized }, replays: true,
    urgency: 'begin',
    errors: ['conflict', 'hold_resolved', 'limit_exceeded', 'account_frozen', 'ledger_unavailable'],
    wording: { insufficient_credits: { message: 'Insufficient credits for streaming session', path: 'body.estimatedTokens' } },
  }, async (ctx, { principal, body }) => {
    const hold = await placeStreamHold(deps, {
      accountId: principal.accountId, holdId: body.sessionId, modelId: body.modelId, estimatedTokens: wholeTokens(body.estimatedTokens),
    });
    markReplayed(ctx, hold.replayed);
    reply(ctx, 201, { sessionId: hold.holdId, allocatedCredits: toCredits(hold.amount), status: 'active' });
  });

  add('POST', '/api/streaming-sessions/finalize', authenticated(), {
    summary: 'Charge the usage of a stream and release the rest', body: finalizeBody, replies: { 200: Finalized }, replays: true,
    bodyBytesMax: LONG_BODY_BYTES_MAX,
    urgency: 'end',
    errors: ['forbidden', 'hold_resolved', 'account_frozen', 'ledger_unavailable'],
    wording: { hold_not_found: { message: 'Failed to finalize streaming session', path: 'body.sessionId' } },
  }, async (ctx, { principal, body }) => {
    const { sessionId, actualTokens, success = true } = body;
    const end = success === false ? 'failed' : 'completed';
    const settled = await settleStreamHold(deps, {
      accountId: principal.accountId, holdId: sessionId, end, tokens: wholeTokens(actualTokens), by: enderOf(principal),
    });
    markReplayed(ctx, settled.replayed);
    reply(ctx, 200, { sessionId, actualCredits: toCredits(settled.cost), ...presentRest(settled) });
  });

  add('POST', '/api/streaming-sessions/abort', authenticated(), {
    summary: 'Charge what an aborted stream generated and release the rest', body: abortBody, replies: { 200: Aborted },
    replays: true, urgency: 'end',
    errors: ['forbidden', 'hold_resolved', 'account_frozen', 'ledger_unavailable'],
    wording: { hold_not_found: { message: 'Failed to abort streaming session', path: 'body.sessionId' } },
  }, async (ctx, { principal, body }) => {
    const { sessionId, tokensGenerated = 0 } = body;
    const settled = await settleStreamHold(deps, {
      accountId: principal.accountId, holdId: sessionId, end: 'aborted', tokens: wholeTokens(tokensGenerated),
      by: enderOf(principal),
    });
    markReplayed(ctx, settled.replayed);
    reply(ctx, 200, { sessionId, partialCredits: toCredits(settled.cost), ...presentRest(settled) });
  });

  add('GET', '/api/streaming-sessions/active', authenticated(), {
    summary: 'Open streams of the caller', replies: { 200: Type.Array(Session) },
    wording: { ledger_unavailable: { message: 'Failed to fetch active sessions', path: '' } },
  }, async (ctx, { principal }) => {
    const streams = await listOpenStreams(deps, principal.accountId);
    reply(ctx, 200, streams.map(presentSession));
  });
}

/** An administrator may end what a service placed. */
const enderOf = ({ role }: { readonly role: Role }): Principal => (role === 'admin' ? 'operator' : 'user');

/** What became of the hold besides the cost: the three last fields are not the original's, which lost them (C-26). */
const presentRest = ({ returned, outcome }: SettledStream): object => ({
  refund: toCredits(returned),
  overageCharged: toCredits(outcome.overage),
  debt: toCredits(outcome.debt),
  uncollected: toCredits(outcome.uncollected),
});
