import Type from 'typebox';
import { isEnded, type EndedStream } from '../../credits/holds/ended-stream.js';
import { listOpenStreams } from '../../credits/holds/list-open-streams.js';
import type { OpenStream } from '../../credits/holds/stream-hold.js';
import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { Ledger } from '../../ledger/ledger.js';
import { allow, assertAllowed } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

export type SessionViewDeps = {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly clock: Clock;
  /** The account that a text means, or null (`knownAccount`). */
  readonly knownAccount: (text: string) => Promise<string | null>;
  readonly allOpenStreams: () => Promise<readonly OpenStream[]>;
  /** Of an account, or (null) of all accounts. */
  readonly recentStreams: (accountId: string | null, minutes: number) => Promise<readonly (OpenStream | EndedStream)[]>;
};

export const Session = Type.Object({
  id: Type.Integer(), sessionId: Type.String(), userId: Type.String(), modelId: Type.String(),
  estimatedCredits: CreditsReply(), allocatedCredits: CreditsReply(), usedCredits: CreditsReply(),
  status: Type.Union([Type.Literal('active'), Type.Literal('completed'), Type.Literal('failed')]),
  startedAt: Type.String(), completedAt: Type.Union([Type.String(), Type.Null()]),
});
const Recent = Type.Object({
  sessions: Type.Array(Session), timestamp: Type.String(),
  filter: Type.Object({ userId: Type.Optional(Type.String()), minutes: Type.Integer() }),
});

const MINUTES_DEFAULT = 5;
/** A year: more is a mistake, and what is listed is bounded anyway. */
const MINUTES_MAX = 527_040;
const ALL = '/api/streaming-sessions/active/all';
const params = { userId: Type.String({ description: 'id, username or e-mail; an unknown one gets an empty list' }) };
const query = { minutes: Type.Optional(Type.Integer({
  minimum: 1, maximum: MINUTES_MAX, default: MINUTES_DEFAULT, description: 'how many minutes ago a stream may have ended',
})) };
const worded = (what: string) => ({ ledger_unavailable: { message: `Failed to fetch ${what} sessions`, path: '' } });

/** Streams of other users, for supervisors (docs/contracts/accounting-service.md#streaming-sessions). */
export function sessionViewRoutes(add: AddRoute, { ledger, clock, knownAccount, allOpenStreams, recentStreams }: SessionViewDeps): void {
  const supervisors = allow('admin', 'supervisor');
  const admins = allow('admin');

  const replyAll = async (ctx: GatewayContext): Promise<void> => { reply(ctx, 200, (await allOpenStreams()).map(presentSession)); };
  add('GET', ALL, admins, {
    summary: 'Open streams of all users, oldest first, at most 1000', replies: { 200: Type.Array(Session) }, wording: worded('all active'),
  }, replyAll);

  add('GET', '/api/streaming-sessions/active/:userId', supervisors, {
    summary: 'Open streams of a user, oldest first', params, replies: { 200: Type.Array(Session) }, errors: ['conflict'],
    wording: worded('user active'),
  }, async (ctx, { principal }) => {
    const userId = ctx.params?.['userId'] ?? '';
    // Two spellings of one path (RFC 3986 §6.2.2.2), of which the router tells only one: `/active/%61ll` is not a user.
    if (userId === 'all') {
      assertAllowed(admins, principal);
      await replyAll(ctx);
      return;
    }
    const accountId = await knownAccount(userId);
    reply(ctx, 200, accountId === null ? [] : (await listOpenStreams({ ledger }, accountId)).map(presentSession));
  });

  add('GET', '/api/streaming-sessions/recent', supervisors, {
    summary: 'Streams of all users that are open or ended recently, at most 50', query, replies: { 200: Recent }, wording: worded('recent'),
  }, async (ctx) => {
    const minutes = minutesOf(ctx);
    const streams = await recentStreams(null, minutes);
    reply(ctx, 200, presentRecent(streams, clock(), { minutes }));
  });

  add('GET', '/api/streaming-sessions/recent/:userId', supervisors, {
    summary: 'Streams of a user that are open or ended recently, at most 20', params, query, replies: { 200: Recent }, errors: ['conflict'],
    wording: worded('user recent'),
  }, async (ctx) => {
    const minutes = minutesOf(ctx);
    const asked = ctx.params?.['userId'] ?? '';
    const accountId = await knownAccount(asked);
    const streams = accountId === null ? [] : await recentStreams(accountId, minutes);
    reply(ctx, 200, presentRecent(streams, clock(), { userId: accountId ?? asked, minutes }));
  });
}

function minutesOf(ctx: GatewayContext): number {
  const text = ctx.query['minutes'];
  if (text === undefined) return MINUTES_DEFAULT;
  const minutes = typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (minutes < 1 || minutes > MINUTES_MAX) throw invalid('query.minutes', `minutes must be a whole number from 1 to ${MINUTES_MAX}`);
  return minutes;
}

type Filter = { readonly userId?: string; readonly minutes: number };

const presentRecent = (streams: readonly (OpenStream | EndedStream)[], nowMs: number, filter: Filter): object =>
  ({ sessions: streams.map(presentSession), timestamp: new Date(nowMs).toISOString(), filter });

export const presentSession = (stream: OpenStream | EndedStream): object => ({
  id: stream.seq,
  sessionId: stream.holdId,
  userId: stream.accountId,
  modelId: stream.modelId,
  estimatedCredits: toCredits(stream.estimate),
  allocatedCredits: toCredits(stream.amount),
  usedCredits: isEnded(stream) ? toCredits(stream.captured) : 0,
  status: isEnded(stream) ? stream.status : 'active',
  startedAt: new Date(stream.placedAtMs).toISOString(),
  completedAt: isEnded(stream) ? new Date(stream.endedAtMs).toISOString() : null,
});
