import Type from 'typebox';
import type { LiveLot, LivePosition } from '../../books/live-lots.table.js';
import type { AllocationsPage, AllocationsQuery } from '../../credits/grants/list-allocations.js';
import type { RevokeAllocationCommand, RevokedAllocation } from '../../credits/grants/revoke-allocation.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { PAGE_MAX } from '../../kit/limits.js';
import { toCredits } from '../../kit/money/credits.js';
import { micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import { allow } from '../auth/allow.js';
import { CreditsReply } from '../http/amount.js';
import { allocationId } from '../http/balance-reply.js';
import type { GatewayContext } from '../http/context.js';
import { readCursor, writeCursor } from '../http/cursor.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';

/** The use cases with their deps. */
export type AllocationsDeps = {
  readonly listAllocations: (query: AllocationsQuery) => Promise<AllocationsPage>;
  readonly revokeAllocation: (command: RevokeAllocationCommand) => Promise<RevokedAllocation>;
};

const OptionalText = Type.Union([Type.String(), Type.Null()]);
const Allocation = Type.Object({
  id: Type.Union([Type.Integer(), Type.String()]), userId: Type.String(), totalCredits: CreditsReply(), remainingCredits: CreditsReply(),
  allocatedBy: OptionalText, allocatedAt: Type.String(), expiresAt: OptionalText, notes: OptionalText,
  UserAccount: Type.Object({ username: OptionalText, email: OptionalText }),
});
const Page = Type.Object({ allocations: Type.Array(Allocation), next: OptionalText });
const Revoked = Type.Object({
  id: Type.Integer(), userId: Type.String(), removedCredits: CreditsReply(), previousCredits: CreditsReply(),
  newCredits: CreditsReply(), message: Type.String(),
});
const Pending = Type.Object({ status: Type.Literal('pending'), id: Type.Integer(), userId: Type.String(), message: Type.String() });

const query = {
  limit: Type.Optional(Type.Integer({
    minimum: 1, maximum: PAGE_MAX, default: PAGE_MAX, description: 'at most this many allocations of one page',
  })),
  cursor: Type.Optional(Type.String({ minLength: 1, description: '`next` of the page before' })),
};
const params = { id: Type.String({ description: 'id of the allocation' }) };
/** The last millisecond of a JavaScript date, and of what Postgres can hold. */
const MS_MAX = 8.64e15;
/** An intent's number; longer ones cannot be. */
const ID = /^[1-9]\d{0,14}$/;

export function allocationsRoutes(add: AddRoute, { listAllocations, revokeAllocation }: AllocationsDeps): void {
  add('GET', '/api/credits/allocations/all', allow('admin', 'supervisor'), {
    summary: 'Allocations with credits of all users, by user and expiry', query, replies: { 200: Page }, errors: ['ledger_unavailable'],
    wording: { ledger_unavailable: { message: 'Failed to get all credit allocations', path: '' } },
  }, async (ctx) => {
    const { allocations, next } = await listAllocations({ after: cursorOf(ctx), limit: limitOf(ctx) });
    reply(ctx, 200, { allocations: allocations.map(present), next: next === null ? null : cursorText(next) });
  });

  add('DELETE', '/api/credits/allocations/:id', allow('admin', 'supervisor'), {
    summary: 'Remove the rest of an allocation', params, headers: IdempotencyKeyHeader, replays: true,
    replies: { 200: Revoked, 202: Pending },
    errors: ['not_found', 'account_frozen', 'idempotency_mismatch', 'ledger_unavailable'],
    wording: { not_found: { message: 'Allocation not found', path: 'path.id' } },
  }, async (ctx, { principal }) => {
    const actor = principal.accountId;
    const key = idempotencyKey(ctx, principal);
    const text = ctx.params?.['id'] ?? '';
    if (!ID.test(text)) throw new GatewayError('not_found', 'is not the id of an allocation');
    const id = Number(text);
    const about = writeFacts({ type: 'change', source: 'administration', actor, notes: `Allocation ${id} revoked` });
    const { accountId, change } = await revokeAllocation({ intentId: id, key, about });
    if (change.status === 'insufficient') throw new Error('a revocation was refused for lack of credits');
    if (change.status === 'pending') {
      reply(ctx, 202, { status: 'pending', id, userId: accountId, message: 'The change is recorded and will be applied shortly' });
      return;
    }
    markReplayed(ctx, change.replayed);
    const { previous, available } = change;
    reply(ctx, 200, {
      id, userId: accountId, removedCredits: toCredits(micros(previous - available)),
      previousCredits: toCredits(previous), newCredits: toCredits(available), message: `Allocation ${id} removed`,
    });
  });
}

function limitOf({ query: { limit } }: GatewayContext): number {
  if (limit === undefined) return PAGE_MAX;
  const value = typeof limit === 'string' && /^\d{1,9}$/.test(limit) ? Number(limit) : 0;
  if (value < 1 || value > PAGE_MAX) throw invalid('query.limit', `limit must be a whole number from 1 to ${PAGE_MAX}`);
  return value;
}

const cursorText = ({ accountId, expiresAtMs, lotId }: LivePosition): string =>
  writeCursor([accountId, expiresAtMs, lotId]);

/** A cursor is a position, not a secret: a forged one only starts at another position. */
function cursorOf({ query: { cursor } }: GatewayContext): LivePosition | null {
  if (cursor === undefined) return null;
  const position = typeof cursor === 'string' ? parsePosition(cursor) : null;
  if (position === null) throw invalid('query.cursor', 'cursor must be `next` of an earlier page');
  return position;
}

function parsePosition(cursor: string): LivePosition | null {
  const value = readCursor(cursor);
  if (value?.length !== 3) return null;
  const [accountId, expiresAtMs, lotId] = value;
  if (typeof accountId !== 'string' || typeof lotId !== 'string' || !isStorable(accountId) || !isStorable(lotId)) return null;
  if (expiresAtMs === null) return { accountId, expiresAtMs, lotId };
  return Number.isSafeInteger(expiresAtMs) && Math.abs(expiresAtMs as number) < MS_MAX ? {
    accountId, expiresAtMs: expiresAtMs as number, lotId,
  } : null;
}

const present = ({ lotId, accountId, amount, remaining, actor, grantedAtMs, expiresAtMs, notes, username, email }: LiveLot): object => ({
  id: allocationId(lotId),
  userId: accountId,
  totalCredits: toCredits(amount),
  remainingCredits: toCredits(remaining),
  allocatedBy: actor,
  allocatedAt: new Date(grantedAtMs).toISOString(),
  expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
  notes,
  UserAccount: { username, email },
});
