import type { DashboardSpec } from '../dashboard.js';
import { growthShare, RANGE, ranking, STEP } from '../expressions.js';
import { bars, graph, over, stat } from '../panels.js';
import { increase, rate, worst } from '../promql.js';

const SHOWN = 10;
const chosen = { model: { regex: '$model' } } as const;
const byModel = { where: chosen, by: ['model'] } as const;
/** Per second is too small a number for credits. */
const anHour = (perSecond: string): string => `3600 * ${perSecond}`;
const flow = (...flows: readonly Flow[]): string => increase('credits', RANGE, { where: { flow: flows } });
type Flow = 'granted' | 'captured' | 'expired' | 'removed' | 'held' | 'released' | 'overage' | 'debt' | 'debt_paid' | 'uncollected';

/** Where the credits go: the most expensive models; granted, captured, expired credits and debt. */
export const business: DashboardSpec = {
  uid: 'cg-business',
  title: 'Credit gateway: credits and models',
  about: 'Where the credits go: the most expensive models, granted, captured and expired credits, refusals and their reasons. Sums are of the chosen time range.',
  variables: ['model'],
  rows: [
    {
      title: 'Credits of the time range, and now',
      panels: [
        stat({
          id: 1, title: 'Captured', unit: 'none', width: 4,
          about: 'Credits that users were charged for usage in the time range, debt included.',
          queries: { credits: flow('captured') },
        }),
        stat({
          id: 2, title: 'Captured share of held', unit: 'percentunit', width: 4, decimals: 0, idle: 'no holds',
          about: 'Of all models. A hold is the estimate plus 20 %, so about 80 % is normal. Far below: estimates are too high, and users have credits blocked. Above 100 %: estimates are too low, or much is charged without a hold, which counts as captured only.',
          queries: { ratio: growthShare(increase('modelCaptured', RANGE), increase('modelHeld', RANGE)) },
        }),
        stat({
          id: 3, title: 'Granted', unit: 'none', width: 4,
          about: 'Credits granted in the time range: purchases, refills of plans, bonuses, grants by administrators.',
          queries: { credits: flow('granted') },
        }),
        stat({
          id: 4, title: 'Available and held now', unit: 'none', width: 4,
          about: 'Credits of all accounts, from Postgres. held: in open holds.',
          queries: { available: worst('creditsAvailable'), held: worst('creditsHeld') },
        }),
        stat({
          id: 5, title: 'Debt now', unit: 'none', width: 4, runbook: ['debt-growth'],
          about: 'debt: usage that the balances did not cover; the next grant repays it first. debtors: accounts with debt. Growing fast: estimates are too low, or holds end late.',
          queries: { debt: worst('creditsDebt'), debtors: worst('debtors') },
        }),
        stat({
          id: 6, title: 'Uncollected', unit: 'none', width: 4, thresholds: over({ warn: 0.000_001 }), runbook: ['uncollected'],
          about: 'Usage in the time range that is neither paid nor debt: above DEBT_LIMIT, or with OVER_CAPTURE=cap.',
          queries: { credits: flow('uncollected') },
        }),
      ],
    },
    {
      title: 'Models',
      panels: [
        bars({
          id: 7, title: 'Most expensive models', unit: 'none', width: 8,
          about: 'Credits captured in the time range, the ten most expensive models. other: all models beyond the busiest ones.',
          queries: { '{{model}}': ranking(SHOWN, increase('modelCaptured', RANGE, byModel)) },
        }),
        bars({
          id: 8, title: 'Credits per message', unit: 'none', width: 8, decimals: 2,
          about: 'Captured per settlement or charge in the time range. A jump without a new price: prompts or answers grew.',
          queries: { '{{model}}': ranking(SHOWN, growthShare(increase('modelCaptured', RANGE, byModel), increase('modelMessages', RANGE, byModel))) },
        }),
        bars({
          id: 9, title: 'Credits per 1 000 tokens', unit: 'none', width: 8, decimals: 2,
          about: 'Captured per thousand tokens in the time range: the effective price. It should match the price book, or be slightly higher where costs are rounded up.',
          queries: { '{{model}}': ranking(SHOWN, growthShare(`1000 * ${increase('modelCaptured', RANGE, byModel)}`, increase('modelTokens', RANGE, byModel))) },
        }),
        graph({
          id: 10, title: 'Captured by model, credits per hour', unit: 'none', width: 8, isStacked: true, legend: 'table',
          about: 'What users pay, by model. A model that disappears was switched off or fails at its provider.',
          queries: { '{{model}}': anHour(rate('modelCaptured', STEP, byModel)) },
        }),
        graph({
          id: 11, title: 'Tokens by model, per hour', unit: 'short', width: 8, isStacked: true, legend: 'table',
          about: 'What users use. Tokens without credits: a free model, or a price of 0; see the price book.',
          queries: { '{{model}}': anHour(rate('modelTokens', STEP, byModel)) },
        }),
        graph({
          id: 12, title: 'Captured share of held, by model', unit: 'percentunit', width: 8, legend: 'table', thresholds: over({ warn: 1 }),
          about: 'Quality of the estimates. About 80 % is normal. Above 100 %, the line: messages cost more than was held and cause overage and debt, unless the model is charged without holds, which counts as captured only. Far below: users have credits blocked.',
          queries: { '{{model}}': growthShare(rate('modelCaptured', STEP, byModel), rate('modelHeld', STEP, byModel)) },
        }),
        graph({
          id: 19, title: 'Models that were not named as the price book names them, per hour', unit: 'short', width: 24,
          about: 'How their prices were found, by book and rule. default: the model is in no price book and costs what the book says for any other: add its price, or another name for a model that has one. The other rules found the model by part of its name.',
          queries: {
            '{{book}} {{rule}}': anHour(rate('priced', STEP, {
              where: { rule: ['alias', 'case', 'provider', 'date', 'variant', 'region', 'default'] }, by: ['book', 'rule'],
            })),
          },
        }),
      ],
    },
    {
      title: 'Flows of credits',
      panels: [
        graph({
          id: 13, title: 'Granted, captured, expired, per hour', unit: 'none', width: 8,
          about: 'Sources and uses of credits. expired: unused credits of expired lots. removed: by administrators.',
          queries: { '{{flow}}': anHour(rate('credits', STEP, { where: { flow: ['granted', 'captured', 'expired', 'removed'] }, by: ['flow'] })) },
        }),
        graph({
          id: 14, title: 'Held and released, per hour', unit: 'none', width: 8,
          about: 'released: held and not used. Close to held: most messages are cancelled, or estimates are far too high.',
          queries: { '{{flow}}': anHour(rate('credits', STEP, { where: { flow: ['held', 'released'] }, by: ['flow'] })) },
        }),
        graph({
          id: 15, title: 'Overage, debt, uncollected, per hour', unit: 'none', width: 8, runbook: ['debt-growth', 'debt-jump'],
          about: 'overage: captured above the hold. debt: usage that the balance did not cover. debt_paid: repaid by later grants. uncollected: neither paid nor debt. Normal: little overage, hardly any debt, nothing uncollected.',
          queries: { '{{flow}}': anHour(rate('credits', STEP, { where: { flow: ['overage', 'debt', 'debt_paid', 'uncollected'] }, by: ['flow'] })) },
        }),
      ],
    },
    {
      title: 'Refusals, and how holds end',
      panels: [
        bars({
          id: 16, title: 'Reasons of refusals', unit: 'short', width: 8, runbook: ['refusal-spike'],
          about: 'Refused requests of the time range, the most frequent reasons. insufficient_credits and check_negative: users without enough credits. The console lists the accounts.',
          queries: { '{{reason}}': ranking(SHOWN, increase('refusals', RANGE, { by: ['reason'] })) },
        }),
        graph({
          id: 17, title: 'Refused for lack of credits, per hour', unit: 'short', width: 8,
          about: 'Requests that were refused for too few credits. Rises at the end of a plan\'s month; a jump at another time: a price was raised, or refills stopped (job refill-plans).',
          queries: { '{{reason}}': anHour(rate('refusals', STEP, { where: { reason: ['insufficient_credits', 'check_negative'] }, by: ['reason'] })) },
        }),
        bars({
          id: 18, title: 'How holds ended', unit: 'short', width: 8, runbook: ['holds-overdue'],
          about: 'In the time range. Normal: nearly all settled. Many voided: users cancel, or models fail. Many expired: a client does not end its holds.',
          queries: { '{{ending}}': ranking(SHOWN, increase('holdsEnded', RANGE, { by: ['ending'] })) },
        }),
      ],
    },
    {
      title: 'Webhooks',
      panels: [
        graph({
          id: 20, title: 'Attempts to deliver events', unit: 'ops', width: 24, runbook: ['webhook-disabled', 'webhooks-late'],
          about: 'By outcome. delivered: the receiver answered 2xx. retry: it is tried again. failed: given up after three days, or the receiver answered 410. Normal: delivered, and retries while a receiver is down.',
          queries: { '{{outcome}}': rate('webhookAttempts', STEP, { by: ['outcome'] }) },
        }),
      ],
    },
  ],
};
