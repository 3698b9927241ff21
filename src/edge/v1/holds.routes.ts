import Type from 'typebox';
import type { HoldRow, HoldState } from '../../books/hold.table.js';
import type { HoldQuery } from '../../books/hold-list.table.js';
import type { ExtendLease } from '../../credits/holds/native/extend-lease.js';
import type { Lease, LeaseCall } from '../../credits/holds/native/lease.js';
import type { PlaceLease } from '../../credits/holds/native/place-lease.js';
import type { ShownLease } from '../../credits/holds/native/read-lease.js';
import type { ReportLease } from '../../credits/holds/native/report-lease.js';
import type { EndedLease, SettleLease } from '../../credits/holds/native/settle-lease.js';
import type { Paid } from '../../credits/pools/holds-of-members.js';
import { invalid } from '../../kit/errors.js';
import { isKnownHoldId, newId } from '../../kit/ids.js';
import { HOLD_ID_LENGTH_MAX, LIST_BODY_BYTES_MAX } from '../../kit/limits.js';
import { actorOf, type NativeCaller } from '../../kit/principal.js';
import type { HoldName } from '../../ledger/account-image.js';
import { callers } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { queryText, queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import type { Tell } from '../../kit/tell.js';
import { metadataOf } from './body.js';
import { accountOf, reasonOf, spendingOf } from './callers.js';
import {
  adaptiveIn, askedFor, EndReply, extendBody, headroomIn, HoldReply, HoldRowReply, KnownHoldId, LeaseReply, placeBody, presentEnd,
  presentLease, presentRow, presentShown, progressBody, reportedUse, settleBody, settledUse, voidBody,
} from './hold-fields.js';
import { holdIdOf, IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { ownLimitsIn } from './limit-fields.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import type { Placements } from './placements.js';
import { PreferHeader } from './prefer.js';
import { amountIn, TimeIn, timeIn } from './values.js';

/** The use cases of credits/holds/native, with their deps. */
export type HoldRouteDeps = {
  readonly place: (command: PlaceLease) => Promise<Lease>;
  /** Several, each of which succeeds or fails alone; those of one account in their order. */
  readonly placeMany: (commands: readonly PlaceLease[], tell: Tell<Lease>) => Promise<void>;
  /** Before a batch places these under ids of its caller: one look-up for all. Returns what forgets it. */
  readonly foresee: (holds: readonly HoldName[]) => () => void;
  readonly extend: (command: ExtendLease) => Promise<Lease>;
  readonly report: (command: ReportLease) => Promise<Lease>;
  readonly settle: (command: SettleLease) => Promise<EndedLease & Paid>;
  readonly void: (command: Omit<SettleLease, 'used'>) => Promise<EndedLease & Paid>;
  readonly read: (name: HoldName) => Promise<ShownLease & Paid>;
  readonly list: (query: HoldQuery) => Promise<readonly HoldRow[]>;
};

const STATES = new Map<string, HoldState>([['open', 'open'], ['settled', 'settled'], ['voided', 'voided'], ['expired', 'expired']]);
const ACCOUNT_QUERY_MAX = 256;

const params = { holdId: KnownHoldId() };
const headers = { ...IdempotencyKeyHeader, ...PreferHeader };
const account = Type.Optional(Type.String({ maxLength: ACCOUNT_QUERY_MAX, description: 'whose hold it is; by default the own account' }));
const ON_OPEN = ['hold_not_found', 'hold_resolved', 'price_missing', 'limit_exceeded', 'account_frozen', 'ledger_unavailable'] as const;

/** Holds as leases (docs/contracts/native.md#holds). */
export function holdRoutes(add: AddRoute, deps: HoldRouteDeps): void {
  placeRoute(add, deps);
  openHoldRoutes(add, deps);
  endRoutes(add, deps);
  readRoutes(add, deps);
}

function placeRoute(add: AddRoute, { place }: HoldRouteDeps): void {
  add('POST', '/v1/holds', callers('holds'), {
    summary: 'Reserve credits before a request: an amount, or what a model may use', headers, body: placeBody,
    bodyBytesMax: LIST_BODY_BYTES_MAX, replays: true, urgency: 'begin', replies: { 201: LeaseReply },
    errors: [
      'insufficient_credits', 'limit_reached', 'hold_resolved', 'idempotency_mismatch', 'limit_exceeded', 'account_frozen',
      'unknown_model', 'price_missing', 'unknown_limit', 'ledger_unavailable',
    ],
  }, async (ctx, { principal, body }) => {
    const lease = await place(placeIn(ctx, principal, body));
    markReplayed(ctx, lease.replayed);
    reply(ctx, 201, presentLease(lease));
  });
}

/** What a place asks for. @throws GatewayError forbidden, invalid_request, unknown_limit */
function placeIn(ctx: GatewayContext, principal: NativeCaller, body: ReturnType<typeof placeBody.parse>): PlaceLease {
  const { id, leaseSeconds, onExpiry, overCapture, debtLimit, limits, metadata } = body;
  const accountId = accountOf(ctx, principal, body.account);
  const key = keyOf(ctx, principal);
  const reason = reasonOf(principal, accountId, body.reason);
  return {
    accountId, holdId: id ?? (key === null ? newId() : holdIdOf(key)), by: BY[principal.kind], actor: actorOf(principal), key,
    apiKey: apiKeyOf(principal), asked: askedFor(body), leaseMs: msOf(leaseSeconds), onExpiry, overCapture, reason,
    debtLimit: debtLimit === undefined ? undefined : amountIn(debtLimit, 'body.debtLimit'), metadata: metadataOf(metadata),
    ownLimits: limits === undefined ? undefined : ownLimitsIn(limits),
    isNewId: id === undefined && key === null, spending: spendingOf(principal, accountId, body),
  };
}

/** The placements of a batch: the route above without its request, for several at once. */
export const placements = ({ placeMany }: Pick<HoldRouteDeps, 'placeMany'>): Placements => ({
  commandOf: (ctx, principal, body) => placeIn(ctx, principal, placeBody.parse(body)),
  placeMany,
  textOf: (lease) => JSON.stringify(presentLease(lease)),
});

function openHoldRoutes(add: AddRoute, { extend, report }: HoldRouteDeps): void {
  add('POST', '/v1/holds/:holdId/extend', callers('holds'), {
    summary: 'Raise an open hold, renew its lease, or both', params, headers, body: extendBody, replays: true, urgency: 'end',
    replies: { 200: LeaseReply }, errors: ['insufficient_credits', 'limit_reached', 'idempotency_mismatch', 'price_missing', ...ON_OPEN],
  }, async (ctx, { principal, body }) => {
    const { amount, maxOutputTokens, leaseSeconds } = body;
    const accountId = accountOf(ctx, principal, body.account);
    const reason = reasonOf(principal, accountId, body.reason);
    if (amount !== undefined && maxOutputTokens !== undefined) {
      throw invalid('body.maxOutputTokens', 'contradicts `amount`: send one of them');
    }
    if (amount === undefined && maxOutputTokens === undefined && leaseSeconds === undefined) {
      throw invalid('body', 'needs `amount`, `maxOutputTokens` or `leaseSeconds`');
    }
    const raise = amount !== undefined ? adaptiveIn(amount) : maxOutputTokens === undefined ? null : { maxOutputTokens };
    const lease = await extend({ ...callOf(ctx, principal, accountId), more: raise, leaseMs: msOf(leaseSeconds), reason });
    markReplayed(ctx, lease.replayed);
    reply(ctx, 200, presentLease(lease));
  });

  add('POST', '/v1/holds/:holdId/progress', callers('holds'), {
    summary: 'Report the usage so far, renew the lease, and top the hold up', params, headers: PreferHeader, body: progressBody,
    isRepeatable: true, urgency: 'end', replies: { 200: LeaseReply }, errors: ['progress_backwards', 'price_missing', ...ON_OPEN],
  }, async (ctx, { principal, body }) => {
    const accountId = accountOf(ctx, principal, body.account);
    const lease = await report({
      ...callOf(ctx, principal, accountId), used: reportedUse(body), headroom: headroomIn(body.extend), leaseMs: msOf(body.leaseSeconds),
    });
    reply(ctx, 200, presentLease(lease));
  });
}

function endRoutes(add: AddRoute, { settle, void: voidHold }: HoldRouteDeps): void {
  const spec = {
    params, headers, replays: true, urgency: 'end', replies: { 200: EndReply },
  } as const;
  add('POST', '/v1/holds/:holdId/settle', callers('holds'), {
    ...spec, summary: 'Charge what was used and give the rest back', body: settleBody, bodyBytesMax: LIST_BODY_BYTES_MAX,
    errors: ['unknown_model', 'idempotency_mismatch', ...ON_OPEN],
  }, async (ctx, { principal, body }) => {
    const call = callOf(ctx, principal, accountOf(ctx, principal, body.account));
    reasonOf(principal, call.accountId, body.reason);
    const ended = await settle({ ...call, used: settledUse(body), reason: body.reason ?? null, metadata: metadataOf(body.metadata) });
    markReplayed(ctx, ended.replayed);
    reply(ctx, 200, presentEnd(call, ended));
  });

  add('POST', '/v1/holds/:holdId/void', callers('holds'), {
    ...spec, summary: 'Give all of a hold back', body: voidBody, errors: ['idempotency_mismatch', ...ON_OPEN],
  }, async (ctx, { principal, body }) => {
    const call = callOf(ctx, principal, accountOf(ctx, principal, body.account));
    const ended = await voidHold({ ...call, reason: body.reason });
    markReplayed(ctx, ended.replayed);
    reply(ctx, 200, presentEnd(call, ended));
  });
}

function readRoutes(add: AddRoute, { read, list }: HoldRouteDeps): void {
  add('GET', '/v1/holds/:holdId', callers('read'), {
    summary: 'A hold with everything that happened to it', params, query: { account }, replies: { 200: HoldReply },
    errors: ['hold_not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const name = { accountId: accountIn(ctx, principal), holdId: holdIdIn(ctx) };
    reply(ctx, 200, presentShown(name, await read(name)));
  });

  add('GET', '/v1/holds', callers('read'), {
    summary: 'Holds of an account, the last placed first',
    query: { ...ListQuery, account, state: WordField(STATES, 'only these'), before: Type.Optional(TimeIn('placed before')) },
    replies: { 200: ListOf(HoldRowReply) }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountIn(ctx, principal);
    const limit = limitIn(ctx);
    const before = queryText(ctx, 'before');
    const rows = await list({
      accountId, state: queryWord(ctx, 'state', STATES) ?? null, limit: limit + 1,
      beforeMs: before === undefined ? null : timeIn(before, 'query.before'),
      beforeSeq: cursorIn(ctx, ([seq]) => (Number.isSafeInteger(seq) ? seq as number : null)) ?? null,
    });
    reply(ctx, 200, listPage(rows, limit, presentRow, ({ placedSeq }) => [placedSeq]));
  });
}

const MS_PER_SECOND = 1_000;
const msOf = (seconds: number | undefined): number | null => (seconds === undefined ? null : seconds * MS_PER_SECOND);

const BY = { user: 'user', service: 'service', operator: 'operator' } as const;

const apiKeyOf = (caller: NativeCaller): string | undefined => (caller.kind === 'service' ? caller.key.name : undefined);

const callOf = (ctx: GatewayContext, caller: NativeCaller, accountId: string): LeaseCall => ({
  accountId, holdId: holdIdIn(ctx), by: BY[caller.kind], actor: actorOf(caller), key: keyOf(ctx, caller),
  apiKey: apiKeyOf(caller),
});

const accountIn = (ctx: GatewayContext, caller: NativeCaller): string =>
  accountOf(ctx, caller, queryText(ctx, 'account', ACCOUNT_QUERY_MAX), 'query.account');

function holdIdIn(ctx: GatewayContext): string {
  const id = ctx.params?.['holdId'] ?? '';
  if (!isKnownHoldId(id)) {
    throw invalid('path.holdId', `must be 1 to ${HOLD_ID_LENGTH_MAX} visible ASCII characters`);
  }
  return id;
}
