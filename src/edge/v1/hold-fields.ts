import Type from 'typebox';
import type { HoldRow } from '../../books/hold.table.js';
import type { HistoryEntry } from '../../books/entry.table.js';
import type { EndedLease, SettledUse } from '../../credits/holds/native/settle-lease.js';
import type { Lease } from '../../credits/holds/native/lease.js';
import type { LeaseAmount } from '../../credits/holds/native/place-lease.js';
import type { ShownLease } from '../../credits/holds/native/read-lease.js';
import type { Paid } from '../../credits/pools/holds-of-members.js';
import { PRICED_MODEL_LENGTH_MAX } from '../../credits/prices/check-price.js';
import { SERVICE_TIERS } from '../../credits/prices/price.js';
import { TOKEN_USAGE_FIELDS, type TokenUsage } from '../../credits/prices/token-usage.js';
import { invalid } from '../../kit/errors.js';
import {
  HOLD_ID_LENGTH_MAX, HOLD_TTL_SECONDS_MIN, LEASE_SECONDS_MAX, MEMBER_HOLD_ID_LENGTH_MAX, TOKENS_MAX, USAGES_MAX,
} from '../../kit/limits.js';
import { OVER_CAPTURES } from '../../ledger/hold-terms.js';
import { micros } from '../../kit/money/micros.js';
import { LEASE_END_REASONS, readFacts } from '../../ledger/facts.js';
import { limitsAfter, type LimitState } from '../../ledger/limits.js';
import { storedText } from '../http/schema.js';
import { MetadataMember, nativeBody, Strict } from './body.js';
import { AccountMember, ReasonMember, SpendingMembers } from './callers.js';
import { OwnLimitsMember } from './limit-fields.js';
import { USAGE_NOTES } from './usage-notes.js';
import {
  AmountIn, amountIn, AmountOut, creditsText, OptionalTimeOut, positiveAmountIn, TimeOut, timeText, timeTextOrNull,
} from './values.js';

/** The bodies and answers of holds. */

export const HoldId = () => Type.String({
  minLength: 1, maxLength: HOLD_ID_LENGTH_MAX, pattern: '^[!-~]+$', description: 'visible ASCII; names one hold for ever',
});
/** The id of a hold of the account, or of a member of its pool. */
export const KnownHoldId = () => Type.String({
  minLength: 1, maxLength: MEMBER_HOLD_ID_LENGTH_MAX, pattern: `^([!-.0-~]*/)?[!-~]{1,${HOLD_ID_LENGTH_MAX}}$`,
  description: 'visible ASCII; a pool names the hold of a member `member/id`',
});
const Tokens = (description?: string) => Type.Optional(Type.Integer({
  minimum: 0, maximum: TOKENS_MAX, ...(description === undefined ? {} : { description }),
}));
const usageFields = Object.fromEntries(TOKEN_USAGE_FIELDS.map((field) => [field, Tokens(USAGE_NOTES[field])])) as
  Record<(typeof TOKEN_USAGE_FIELDS)[number], ReturnType<typeof Tokens>>;
const Usage = (description: string) => Strict({ ...usageFields }, { description });
const Model = () => storedText(1, PRICED_MODEL_LENGTH_MAX, 'a model that the native book prices');
const Provider = () => Type.Optional(storedText(1, PRICED_MODEL_LENGTH_MAX, 'where several providers sell the model'));
const Tier = () => Type.Optional(Type.Enum([...SERVICE_TIERS], { description: '`standard` by default' }));
const LeaseSeconds = () => Type.Optional(Type.Integer({
  minimum: HOLD_TTL_SECONDS_MIN, maximum: LEASE_SECONDS_MAX, description: 'seconds from now until the lease ends',
}));
const Adaptive = () => Type.Union([
  AmountIn(), Strict({ minimum: AmountIn('refused below'), desired: AmountIn('held as far as it is there') }),
], { description: 'credits, or the least and the most of them' });
/** What a request may be certain of: anything but the number of output tokens. */
const inputFields = Object.fromEntries(Object.entries(usageFields).filter(([field]) => field !== 'outputTokens')) as
  Omit<typeof usageFields, 'outputTokens'>;

export const placeBody = nativeBody(Strict({
  ...SpendingMembers,
  id: Type.Optional(HoldId()), account: AccountMember(), amount: Type.Optional(Adaptive()),
  price: Type.Optional(Strict({
    model: Model(), provider: Provider(), serviceTier: Tier(), ...inputFields,
    maxOutputTokens: Tokens('tokens of the answer at most; by default the model\'s own maximum'),
    minimumOutputTokens: Tokens('tokens: hold less than the maximum, but at least these'),
  }, { description: 'what the request is certain to use, and the output it may use' })),
  leaseSeconds: LeaseSeconds(),
  onExpiry: Type.Optional(Type.Enum(['release', 'charge_reported', 'charge_input', 'charge_estimate'], {
    description: 'what the end of the lease charges; `charge_reported` by default',
  })),
  overCapture: Type.Optional(Type.Enum([...OVER_CAPTURES], {
    description: 'what pays for usage beyond the hold; the account or the gateway has a default, and a laxer one is refused',
  })),
  debtLimit: Type.Optional(AmountIn('credits of debt at most, with overCapture debt')),
  limits: OwnLimitsMember(), metadata: MetadataMember(), reason: ReasonMember(),
}, {
  examples: [{ id: 'msg-1', account: 'alice', price: { model: 'gpt-4o', inputTokens: 1_000, maxOutputTokens: 500 }, leaseSeconds: 60 }],
}));
export const extendBody = nativeBody(Strict({
  account: AccountMember(), amount: Type.Optional(Adaptive()), maxOutputTokens: Tokens('output tokens in all that the hold shall pay for'),
  leaseSeconds: LeaseSeconds(), reason: ReasonMember(),
}, { examples: [{ account: 'alice', maxOutputTokens: 1_000 }] }));
export const progressBody = nativeBody(Strict({
  account: AccountMember(), usage: Type.Optional(Usage('everything so far')),
  amount: Type.Optional(AmountIn('credits for everything so far')),
  extend: Type.Optional(Strict({
    headroomTokens: Tokens('output tokens that shall be left'), headroom: Type.Optional(AmountIn('credits that shall be left')),
  }, {
    description: 'tops the hold up when less than this is left',
  })),
  leaseSeconds: LeaseSeconds(),
}, { examples: [{ account: 'alice', usage: { inputTokens: 1_000, outputTokens: 300 }, extend: { headroomTokens: 200 } }] }));
const EndReason = () => Type.Enum([...LEASE_END_REASONS], { description: 'how the request ended' });
export const settleBody = nativeBody(Strict({
  account: AccountMember(), usage: Type.Optional(Usage('all of it')), serviceTier: Tier(),
  usages: Type.Optional(Type.Array(Strict({ model: Model(), provider: Provider(), usage: Usage('of this model'), serviceTier: Tier() }), {
    minItems: 1, maxItems: USAGES_MAX, description: 'of several models',
  })),
  amount: Type.Optional(AmountIn()), use: Type.Optional(Type.Enum(['reported', 'input', 'estimate'], {
    description: 'for who has lost count: what was reported, the input, or the whole hold',
  })),
  reason: Type.Optional(EndReason()), metadata: MetadataMember(),
}, { examples: [{ account: 'alice', usage: { inputTokens: 1_000, outputTokens: 640 }, reason: 'completed' }] }));
export const voidBody = nativeBody(Strict({ account: AccountMember(), reason: EndReason() }, {
  examples: [{ account: 'alice', reason: 'user_stop' }],
}));

type Adaptable = number | string | { readonly minimum: number | string; readonly desired: number | string };

/** `amount` of a place or an extension. Throws GatewayError invalid_request. */
export function adaptiveIn(amount: Adaptable) {
  if (typeof amount !== 'object') {
    const exact = positiveAmountIn(amount, 'body.amount');
    return { minimum: exact, desired: exact };
  }
  const minimum = positiveAmountIn(amount.minimum, 'body.amount.minimum');
  const desired = positiveAmountIn(amount.desired, 'body.amount.desired');
  if (minimum > desired) throw invalid('body.amount.minimum', 'must not be above desired');
  return { minimum, desired };
}

/** What a place asks for. Throws GatewayError invalid_request. */
export function askedFor({ amount, price }: Pick<ReturnType<typeof placeBody.parse>, 'amount' | 'price'>): LeaseAmount {
  if (amount === undefined || price !== undefined) onlyOne({ amount, price });
  if (amount !== undefined) return adaptiveIn(amount);
  const { model, provider, serviceTier = 'standard', maxOutputTokens, minimumOutputTokens, ...usage } = price ?? { model: '' };
  return { model, provider, serviceTier, maxOutputTokens, minimumOutputTokens, usage };
}

/** What a settle charges. Throws GatewayError invalid_request. */
export function settledUse({ usage, usages, amount, use, serviceTier }: ReturnType<typeof settleBody.parse>): SettledUse {
  onlyOne({ usage, usages, amount, use });
  if (serviceTier !== undefined && usage === undefined) throw invalid('body.serviceTier', 'belongs to `usage`');
  if (usage !== undefined) return { usage, serviceTier };
  if (usages !== undefined) {
    return { usages: usages.map((each) => ({ ...each, provider: each.provider, serviceTier: each.serviceTier })) };
  }
  if (amount !== undefined) return { amount: amountIn(amount, 'body.amount') };
  return { use: use ?? 'reported' };
}

/** What a report says was used. Throws GatewayError invalid_request. */
export function reportedUse({ usage, amount }: { readonly usage?: TokenUsage | undefined; readonly amount?: number | string | undefined }) {
  onlyOne({ usage, amount });
  return usage === undefined ? { amount: amountIn(amount ?? 0, 'body.amount') } : { usage };
}

export function headroomIn(extend: ReturnType<typeof progressBody.parse>['extend']) {
  if (extend === undefined) return null;
  onlyOne(extend, 'body.extend');
  return extend.headroom === undefined
    ? { tokens: extend.headroomTokens ?? 0 } : { amount: amountIn(extend.headroom, 'body.extend.headroom') };
}

function onlyOne(members: Readonly<Record<string, unknown>>, path = 'body'): void {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  if (given.length === 1) return;
  const names = Object.keys(members).map((name) => `\`${name}\``).join(', ');
  if (given.length === 0) throw invalid(path, `needs one of ${names}`);
  throw invalid(`${path}.${given[1]?.[0] ?? ''}`, `contradicts \`${given[0]?.[0] ?? ''}\`: send one of ${names}`);
}

const State = () => Type.Enum(['open', 'settled', 'voided', 'expired']);
const Price = () => Type.Union([Type.Object({ book: Type.String(), model: Type.String(), version: Type.Integer() }), Type.Null()]);
const Spender = () => Type.Optional(Type.String({ description: 'the member of the pool `account` that spends' }));
const Limits = (description: string) =>
  Type.Array(Type.Object({ id: Type.String(), remaining: AmountOut(), resetsAt: OptionalTimeOut() }), { description });
const leaseFields = {
  id: Type.String(), account: Type.String(), state: State(), amount: AmountOut(), reported: AmountOut(), remaining: AmountOut(),
  leaseEndsAt: TimeOut(), reportBy: TimeOut(), final: Type.Boolean({ description: 'nothing more can be had: stop at stopAtTokens' }),
  stopAtTokens: Type.Union([Type.Integer(), Type.Null()], { description: 'output tokens in all that the hold pays for' }),
  price: Price(), available: AmountOut(),
  limits: Limits('those that it counts against'),
  spender: Spender(),
};
export const LeaseReply = Type.Object(leaseFields);
const endFields = {
  id: Type.String(), account: Type.String(), state: State(), amount: AmountOut(), captured: AmountOut(), released: AmountOut(),
  expired: AmountOut(), overage: AmountOut(), debt: AmountOut(), uncollected: AmountOut(), available: AmountOut(), late: Type.Boolean(),
  endedAt: TimeOut(), limits: Limits('those that it counted against, after its end'), spender: Spender(),
};
export const EndReply = Type.Object(endFields);
const rowFields = {
  id: Type.String(), account: Type.String(), state: State(), amount: AmountOut(), reported: AmountOut(), captured: AmountOut(),
  released: AmountOut(), expired: AmountOut(), overage: AmountOut(), debt: AmountOut(), uncollected: AmountOut(), late: Type.Boolean(),
  placedAt: TimeOut(), leaseEndsAt: TimeOut(), endedAt: OptionalTimeOut(), placedBy: Type.String(), onExpiry: Type.String(),
  overCapture: Type.Union([Type.String(), Type.Null()]), model: Type.Union([Type.String(), Type.Null()]),
  metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
};
export const HoldRowReply = Type.Object(rowFields);
const TimelineEntry = Type.Object({
  seq: Type.Integer(), at: TimeOut(), kind: Type.String(), held: AmountOut(), captured: AmountOut(), reported: AmountOut(),
  usage: Type.String(), by: Type.Union([Type.String(), Type.Null()]), reason: Type.Union([Type.String(), Type.Null()]),
});
export const HoldReply = Type.Object({
  ...Object.fromEntries(Object.entries({ ...leaseFields, ...endFields, ...rowFields }).map(([name, schema]) =>
    [name, Type.Optional(schema)])),
  id: Type.String(), account: Type.String(), state: State(),
  timeline: Type.Union([Type.Array(TimelineEntry), Type.Null()], { description: 'null while Postgres does not answer' }),
});

export const presentLease = (lease: Lease): object => ({
  id: lease.holdId, account: lease.accountId, state: 'open', amount: creditsText(lease.amount), reported: creditsText(lease.reported),
  remaining: creditsText(lease.remaining), leaseEndsAt: timeText(lease.leaseEndsAtMs), reportBy: timeText(lease.reportByMs),
  final: lease.final, stopAtTokens: lease.stopAtTokens, price: lease.price, available: creditsText(lease.available),
  limits: presentLimits(lease.limits),
  // Undefined, so not in the answer, unless a pool pays.
  spender: lease.spender,
});

const presentLimits = (limits: readonly LimitState[]): object[] => limits.map(({ limitId, remaining, resetsAtMs }) => (
  { id: limitId, remaining: creditsText(remaining), resetsAt: timeTextOrNull(resetsAtMs) }));

/** How the caller named the hold. */
type Named = { readonly accountId: string; readonly holdId: string };

export const presentEnd = ({ accountId, holdId }: Named, { outcome, payer }: Pick<EndedLease, 'outcome'> & Paid): object => ({
  id: holdId, account: payer?.accountId ?? accountId, ...(payer === undefined ? {} : { spender: payer.spender }),
  state: outcome.state, amount: creditsText(outcome.amount), captured: creditsText(outcome.captured),
  released: creditsText(outcome.released), expired: creditsText(outcome.expired), overage: creditsText(outcome.overage),
  debt: creditsText(outcome.debt), uncollected: creditsText(outcome.uncollected), available: creditsText(outcome.available),
  late: outcome.late, endedAt: timeText(outcome.endedAtMs),
  // Most accounts have none: then nothing is read.
  limits: presentLimits(limitsAfter(outcome.about.includes('"limits"') ? readFacts(outcome.about).limits : [])),
});

export function presentRow(row: HoldRow): object {
  const facts = readFacts(row.about);
  const { lease: { model }, metadata } = facts.type === 'lease' ? facts : { lease: { model: '' }, metadata: null };
  return {
    id: row.holdId, account: row.accountId, state: row.state, amount: creditsText(row.amount), reported: creditsText(row.reported),
    captured: creditsText(row.captured), released: creditsText(row.released), expired: creditsText(row.expired),
    overage: creditsText(row.overage), debt: creditsText(row.debt), uncollected: creditsText(row.uncollected), late: row.late,
    placedAt: timeText(row.placedAtMs), leaseEndsAt: timeText(row.expiresAtMs), endedAt: timeTextOrNull(row.endedAtMs),
    placedBy: row.placedBy, onExpiry: row.policy, overCapture: row.overCapture, model: model === '' ? null : model, metadata,
  };
}

export const presentShown = (named: Named, { now, life, ...paid }: ShownLease & Paid): object => ({
  ...(life === null ? {} : presentRow(life.hold)),
  ...(now.state === 'open'
    ? presentLease({ ...now.lease, holdId: named.holdId, ...(paid.payer === undefined ? {} : { spender: paid.payer.spender }) })
    : presentEnd(named, { ...now, ...paid })),
  timeline: life?.entries.map(presentStep) ?? null,
});

const presentStep = ({ seq, atMs, kind, held, captured, reported, reportedUsage, principal, about }: HistoryEntry): object => ({
  seq, at: timeText(atMs), kind, held: signed(held), captured: signed(captured), reported: creditsText(reported), usage: reportedUsage,
  by: principal === '' ? null : principal, reason: readFacts(about).reason,
});

const signed = (amount: number): string => (amount < 0 ? `-${creditsText(micros(0 - amount))}` : creditsText(micros(amount)));
