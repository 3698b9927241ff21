import Type from 'typebox';
import { recordUsage, type RecordUsageDeps } from '../../credits/usage/record-usage.js';
import { toCredits } from '../../kit/money/credits.js';
import { authenticated } from '../auth/allow.js';
import { Credits, CreditsReply, readAmount } from '../http/amount.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import { assertStorable, type Metadata } from '../http/metadata.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf, storedText } from '../http/schema.js';

const INVALID = 'Missing or invalid required fields';
/** The widths of the original's columns. */
const SERVICE_LENGTH_MAX = 50;
const OPERATION_LENGTH_MAX = 100;

/** What the client writes that deducts before it records (docs/routes.md#usage-records). Others never write all three. */
const SIGNATURE = ['success', 'user_id_source', 'original_operation_details'] as const;

const body = bodyOf(
  Type.Object({
    service: storedText(1, SERVICE_LENGTH_MAX),
    operation: storedText(1, OPERATION_LENGTH_MAX),
    credits: Credits(),
    metadata: Type.Optional(Type.Unsafe<Metadata | null>({ type: ['object', 'null'] })),
  }),
  INVALID,
);
const Reply = Type.Object({
  id: Type.Integer(), service: Type.String(), operation: Type.String(), credits: CreditsReply(), timestamp: Type.String(),
});

export function usageRoutes(add: AddRoute, deps: RecordUsageDeps): void {
  add('POST', '/api/usage/record', authenticated(), {
    summary: 'Record that a service was used, and charge it', headers: IdempotencyKeyHeader, body, replies: { 201: Reply }, replays: true,
    urgency: 'begin',
    errors: ['idempotency_mismatch', 'account_frozen', 'ledger_unavailable'],
    wording: { insufficient_credits: { message: 'Insufficient credits', path: 'body.credits' } },
  }, async (ctx, call) => {
    const { service, operation } = call.body;
    const metadata = call.body.metadata ?? {};
    assertStorable(metadata, INVALID);
    const credits = readAmount(call.body.credits, { path: 'body.credits', message: INVALID });
    const record = await recordUsage(deps, {
      accountId: call.principal.accountId, service, operation, credits, metadata,
      saysDeducted: SIGNATURE.every((name) => Object.hasOwn(metadata, name)),
      key: idempotencyKey(ctx, call.principal),
    });
    markReplayed(ctx, record.replayed);
    reply(ctx, 201, { id: record.id, service, operation, credits: toCredits(credits), timestamp: new Date(record.atMs).toISOString() });
  });
}
