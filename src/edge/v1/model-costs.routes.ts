import Type from 'typebox';
import type { ModelCost, ModelCostsQuery } from '../../books/model-hours.table.js';
import { DAY_MS } from '../../books/usage-rollup.js';
import type { ModelCosts } from '../../credits/usage/model-costs.js';
import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { PAGE_MAX } from '../../kit/limits.js';
import { creditsText, sumToCredits } from '../../kit/money/credits.js';
import { allow } from '../auth/allow.js';
import { reply } from '../http/json.js';
import { Moment, momentIn } from '../http/moment.js';
import { queryNumber } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { AmountOut, TimeOut } from './values.js';

export type ModelCostsRouteDeps = { readonly modelCosts: (query: ModelCostsQuery) => Promise<ModelCosts>; readonly clock: Clock };

const LIMIT_DEFAULT = 20;
const DAYS_DEFAULT = 7;
/** A quarter: every hour of it is summed for an answer, which with ten models on 64 shards is 1.4 million rows. */
const DAYS_MAX = 92;

const query = {
  from: Moment(`from when, its whole hour included; by default ${DAYS_DEFAULT} days before \`to\``),
  to: Moment(`before when, its whole hour included; by default now. At most ${DAYS_MAX} days after \`from\``),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: LIMIT_DEFAULT, description: 'how many models' })),
};
const Costs = Type.Object({
  from: TimeOut(), to: TimeOut(),
  upToDate: Type.Boolean({ description: 'false: what was acknowledged in the last moments may be missing' }),
  models: Type.Array(Type.Object({
    model: Type.String({ description: '`unknown`: all that no price book ever had' }),
    messages: Type.Integer({ description: 'how many settlements and charges' }), tokens: Type.Integer(),
    held: AmountOut('credits of holds that ended'), captured: AmountOut('credits that users paid'),
    captureRatio: Type.Union([Type.Number(), Type.Null()], { description: 'credits captured per credit held; null when nothing was held' }),
  })),
});

/** What each model cost users: exact sums of all settlements and charges. */
export function modelCostsRoutes(add: AddRoute, { modelCosts, clock }: ModelCostsRouteDeps): void {
  add('GET', '/v1/models/costs', allow('supervisor', 'admin'), {
    summary: 'What each model cost users, the most expensive first', query, replies: { 200: Costs }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    const limit = queryNumber(ctx, 'limit', 1, PAGE_MAX) ?? LIMIT_DEFAULT;
    const toMs = momentIn(ctx, 'to') ?? clock() + 1;
    const fromMs = momentIn(ctx, 'from') ?? Math.max(0, toMs - DAYS_DEFAULT * DAY_MS);
    if (fromMs >= toMs) throw invalid('query.from', 'from must be before to');
    if (toMs - fromMs > DAYS_MAX * DAY_MS) throw invalid('query.from', `from must be at most ${DAYS_MAX} days before to`);
    const { models, isUpToDate } = await modelCosts({ fromMs, toMs, limit });
    reply(ctx, 200, {
      from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), upToDate: isUpToDate, models: models.map(present),
    });
  });
}

const present = ({ held, captured, ...rest }: ModelCost): object => ({
  ...rest, held: creditsText(held), captured: creditsText(captured),
  captureRatio: held === 0n ? null : sumToCredits(captured) / sumToCredits(held),
});
