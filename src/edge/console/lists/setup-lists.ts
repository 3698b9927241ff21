import type { FeatureEndpoint, FeaturePackage } from '../../../credits/features/feature.js';
import type { StoredPlan } from '../../../credits/plans/plan.js';
import { html } from '../../http/html.js';
import { badge, count, duration } from '../parts.js';
import { codeColumn, countColumn, creditsColumn, textColumn } from './columns.js';
import type { ConsoleList, ListColumn } from './list.js';
import { memoryPage, mentions } from './memory-list.js';

/** Lists of what administrators have set up: plans and features. */

/** A plan, and how many accounts have it. */
export type ListedPlan = StoredPlan & { readonly accounts: number };

export type SetupReads = {
  readonly plans: () => Promise<readonly ListedPlan[]>;
  readonly features: () => Promise<{ readonly endpoints: readonly FeatureEndpoint[]; readonly packages: readonly FeaturePackage[] }>;
};

const planColumns: readonly ListColumn<ListedPlan>[] = [
  codeColumn('Plan', ({ planId }) => planId, 'plan'), textColumn('Name', ({ name }) => name, 'name'),
  creditsColumn('Credits', (row) => row.amount, 'amount'),
  textColumn('Each', ({ period }) => (period.unit === 'seconds' ? duration(period.seconds) : period.unit)),
  textColumn('Unused credits', ({ mode }) => (mode === 'reset' ? 'are removed' : 'stay')),
  textColumn('Missed periods', ({ missed }) => (missed === 'each' ? 'all are granted' : 'the latest is granted')),
  textColumn('A refill lives', ({ expiresAfterSeconds }) => (expiresAfterSeconds === null ? 'for ever' : duration(expiresAfterSeconds))),
  countColumn('Accounts', ({ accounts }) => accounts, 'accounts'), countColumn('Version', ({ version }) => version),
];

export const planList = ({ plans }: SetupReads): ConsoleList<ListedPlan> => ({
  path: '/console/plans', title: 'Plans', sort: 'plan', columns: planColumns,
  lead: 'Credits that accounts get in each period.',
  filters: [{ name: 'text', label: 'Plan or name', hint: 'contains', is: 'text' }],
  empty: html`A plan grants credits to its accounts every day, week or month. Define one with <code>PUT /v1/plans/…</code>.`,
  read: async (query) => {
    const all = await plans();
    return {
      ...memoryPage(all, planColumns, { text: ({ planId, name }, value) => mentions(value, planId, name) }, query),
      figures: [
        { title: 'Plans', value: count(all.length), note: 'defined' },
        { title: 'Accounts', value: count(all.reduce((sum, { accounts }) => sum + accounts, 0)), note: 'have a plan' },
      ],
    };
  },
});

/** An endpoint with the packages that include it. */
type ListedFeature = FeatureEndpoint & { readonly packages: string };

const featureColumns: readonly ListColumn<ListedFeature>[] = [
  codeColumn('Value', ({ value }) => value, 'value'), textColumn('Feature', ({ feature }) => feature, 'feature'),
  textColumn('Name', ({ name }) => name, 'name'), codeColumn('Endpoint', ({ method, endpoint }) => `${method} ${endpoint}`),
  creditsColumn('Minimum', ({ minimum }) => minimum, 'minimum'), textColumn('Packages', ({ packages }) => packages),
  {
    head: 'State', csv: ({ isActive }) => (isActive ? 'active' : 'inactive'),
    cell: ({ isActive }) => (isActive ? badge('good', 'active') : badge('unknown', 'inactive')),
  },
  codeColumn('Id', ({ endpointId }) => endpointId),
];

const includes = ({ features }: FeaturePackage, { feature, endpointId }: FeatureEndpoint): boolean =>
  features.some((each) => each.feature === feature && (each.endpointId === '' || each.endpointId === endpointId));

export const featureList = ({ features }: SetupReads): ConsoleList<ListedFeature> => ({
  path: '/console/features', title: 'Features', sort: 'feature', columns: featureColumns,
  lead: 'What can be called and costs credits, and which packages include it.',
  filters: [
    { name: 'text', label: 'Feature, name or value', hint: 'contains', is: 'text' },
    { name: 'state', label: 'State', is: [['active', 'Active'], ['inactive', 'Inactive']] },
  ],
  empty: html`The credits process permits features by package. Add one with <code>credit-gateway features</code> or
<code>POST /api/admin/features</code>.`,
  read: async (query) => {
    const { endpoints, packages } = await features();
    const rows = endpoints.map((each) => ({
      ...each, packages: packages.filter((one) => includes(one, each)).map(({ name }) => name).join(', '),
    }));
    const initial = packages.find(({ isInitial }) => isInitial);
    return {
      ...memoryPage(rows, featureColumns, {
        text: ({ feature, name, value }, text) => mentions(text, feature, name, value),
        state: ({ isActive }, state) => isActive === (state === 'active'),
      }, query),
      figures: [
        { title: 'Features', value: count(rows.length), note: `${count(rows.filter(({ isActive }) => isActive).length)} active` },
        {
          title: 'Packages', value: count(packages.length),
          note: initial === undefined ? 'none for users without a subscription' : `${initial.name} for users without a subscription`,
        },
      ],
    };
  },
});
