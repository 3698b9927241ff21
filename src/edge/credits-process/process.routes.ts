import { randomUUID } from 'node:crypto';
import Type from 'typebox';
import { balanceAfter, settleProcess, type SettleProcessDeps } from '../../credits/processes/settle-process.js';
import { startProcess, type StartDeps, type StartedProcess } from '../../credits/processes/start-process.js';
import type { RefusalReason } from '../../credits/refusals/refusal.js';
import { ACCOUNT_FROZEN_SENTENCE } from '../../kit/errors.js';
import { toCredits } from '../../kit/money/credits.js';
import type { ServerCaller } from '../../kit/principal.js';
import { serverKey } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import { refuse } from '../http/refusals.js';
import type { AddRoute, RouteSpec } from '../http/routes.js';
import { accountIdText, bodyOf, integerOrNull } from '../http/schema.js';
import { endpointFields, INVALID, readEndpoint, type IdRules } from './fields.js';
import { settlementBody, toSettlement, type SettlementBody } from './settlement-body.js';

export type ProcessRouteDeps = StartDeps & SettleProcessDeps & IdRules;

/** `/api/token-process` is the older name of the same, and has older names for two fields (docs/contracts/README.md#c-14). */
const PREFIXES = ['/api/credits-process', '/api/token-process'] as const;

const startBody = bodyOf(
  Type.Object({ user_id: accountIdText(), ...endpointFields, duration: Type.Optional(integerOrNull(1, Number.MAX_SAFE_INTEGER)) }),
  INVALID,
);

const envelope = <Data extends Parameters<typeof Type.Object>[0]>(data: Data) =>
  Type.Object({
    success: Type.Literal(true), status: Type.Literal(200, { description: 'the HTTP status' }), message: Type.String(),
    data: Type.Object(data),
  });
const Started = envelope({
  user_id: Type.String(), usage_key: Type.Optional(Type.String()), credits: Type.Number(), token: Type.Optional(Type.Number()),
  status: Type.Enum(['accessible', 'not-accessible']), message: Type.String(),
  config: Type.Unsafe<object | null>({ type: ['object', 'null'] }),
});
const Item = Type.Object({
  ai_model: Type.Optional(Type.String()), input_tokens: Type.Integer(), output_tokens: Type.Integer(),
  input_credits: Type.Number(), output_credits: Type.Number(),
  input_token_price: Type.Number(), output_token_price: Type.Number(), profit_credits_percentage: Type.Number(),
  profit_credits: Type.Number(),
  cost_credits: Type.Number(), cost_price: Type.Number(), credits: Type.Number(), price: Type.Number(), rounding_credits: Type.Number(),
  rounding_price: Type.Number(), credit_price: Type.Number(),
  token_classes: Type.Optional(Type.Array(Type.Object({ token_class: Type.String(), tokens: Type.Integer(), credits: Type.Number() }))),
});
const Ended = envelope({
  user_id: Type.String(), usage_key: Type.Optional(Type.String()), credits: Type.Number(), token: Type.Optional(Type.Number()),
  status: Type.Literal('returnable'), message: Type.String(), details: Type.Union([Item, Type.Array(Item)]),
  total_cost: Type.Number(), cost: Type.Optional(Type.Number()),
});

const ENDED = 'Credits process ended successfully';
const MULTI_ENDED = 'Multi-model credits process ended successfully';

/** Start, run, end, for servers that hold an API key (docs/contracts/credits-process.md#start, docs/contracts/credits-process.md#end). */
export function processRoutes(add: AddRoute, deps: ProcessRouteDeps): void {
  for (const prefix of PREFIXES) {
    const isOld = prefix === '/api/token-process';

    add('POST', `${prefix}/start`, serverKey('credits-process'), {
      summary: 'Whether the user may use the feature; reserves its minimum', body: startBody, replies: { 200: Started }, urgency: 'begin',
      errors: ['ledger_unavailable'],
    }, async (ctx, { body }) => {
      const started = await startProcess(deps, body.user_id, readEndpoint(body, deps));
      const data = presentStarted(started);
      if (started.status !== 'accessible') refuse(
        ctx, REFUSED_BECAUSE[started.status],
        `${data.message}; feature ${body.feature_endpoint_value ?? body.feature_endpoint_id ?? ''}`,
      );
      reply(ctx, 200, {
        success: true, status: 200, message: 'Credits process started successfully',
        data: { user_id: body.user_id, ...data, ...(isOld ? { token: data.credits } : {}) },
      });
    });

    const end = (wanted: 'multi' | 'either', message: string) => async (ctx: GatewayContext, { principal, body }: {
      readonly principal: ServerCaller;
      readonly body: SettlementBody;
    }): Promise<void> => {
      const settlement = toSettlement(body, wanted, deps);
      const named = idempotencyKey(ctx, principal);
      // Without either name every request is a usage of its own, as it was in the original.
      const settled = await settleProcess(deps, {
        ...settlement, unnamed: named === null ? randomUUID() : `key ${named.caller} ${named.key}`,
      });
      const credits = toCredits(await balanceAfter(deps, settlement.accountId));
      const total = toCredits(settled.total);
      const { accountId, usageKey, shape } = settlement;
      markReplayed(ctx, settled.replayed);
      reply(ctx, 200, {
        success: true, status: 200, message,
        data: {
          user_id: accountId, ...(usageKey === null ? {} : { usage_key: usageKey }), credits, ...(isOld ? { token: credits } : {}),
          status: 'returnable',
          message: shape === 'multi' ? 'Multi-model credits processed successfully' : 'Credits processed successfully',
          details: shape === 'multi' ? settled.details : settled.details[0], total_cost: total, ...(isOld ? { cost: total } : {}),
        },
      });
    };
    const spec = {
      headers: IdempotencyKeyHeader, body: settlementBody, replies: { 200: Ended }, replays: true, urgency: 'end',
      errors: ['not_found', 'hold_resolved', 'account_frozen', 'limit_exceeded', 'ledger_unavailable'],
    } as const satisfies Omit<RouteSpec<SettlementBody>, 'summary'>;
    add(
      'POST', `${prefix}/end`, serverKey('credits-process'),
      { ...spec, summary: 'Charge usage of one or several models' }, end('either', ENDED),
    );
    add(
      'POST', `${prefix}/end-multimodel`, serverKey('credits-process'),
      { ...spec, summary: 'Charge usage of several models, all or nothing' }, end('multi', MULTI_ENDED),
    );
  }
}

/** What a start that was not granted counts as. */
const REFUSED_BECAUSE: Readonly<Record<Exclude<StartedProcess['status'], 'accessible'>, RefusalReason>> = {
  insufficient_credits: 'insufficient_credits', unknown_endpoint: 'not_found', not_included: 'not_permitted',
  account_frozen: 'account_frozen', too_many_holds: 'limit_exceeded',
};

type PresentedStart = {
  readonly usage_key?: string;
  readonly credits: number;
  readonly status: 'accessible' | 'not-accessible';
  readonly message: string;
  readonly config: unknown;
};

/** A start is answered with 200 whatever it came to; callers look at `data.status` (docs/contracts/credits-process.md#start). */
function presentStarted(started: StartedProcess): PresentedStart {
  const refused = (balance: number, message: string): PresentedStart => ({
    credits: balance, status: 'not-accessible', message, config: null,
  });
  switch (started.status) {
    case 'accessible':
      return {
        usage_key: started.usageKey, credits: toCredits(started.balance), status: 'accessible', message: 'Access granted',
        config: started.config === null ? null : JSON.parse(started.config) as unknown,
      };
    case 'insufficient_credits':
      return {
        ...refused(
          toCredits(started.balance),
          `Insufficient credits. Required: ${toCredits(started.required)}, Available: ${toCredits(started.available)}${
            started.limitId === undefined ? '' : ` (limit ${started.limitId})`}`,
        ),
        usage_key: started.usageKey,
      };
    case 'unknown_endpoint':
      return refused(0, 'Feature endpoint not found');
    case 'not_included':
      return refused(toCredits(started.balance), 'Your current subscription does not include this feature.');
    case 'account_frozen':
      return refused(toCredits(started.balance), ACCOUNT_FROZEN_SENTENCE);
    case 'too_many_holds':
      return refused(toCredits(started.balance), 'Too many processes of this user are under way; end some first');
  }
}
