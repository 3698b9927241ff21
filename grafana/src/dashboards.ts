import { panelsOf, targetsOf, type Dashboard } from './classic.js';
import { toDashboard } from './dashboard.js';
import { business } from './dashboards/business.js';
import { ledgerAndHolds } from './dashboards/ledger-and-holds.js';
import { limitsAndWebhooks } from './dashboards/limits-and-webhooks.js';
import { overview } from './dashboards/overview.js';
import { redisAndPostgres } from './dashboards/redis-and-postgres.js';
import { workersAndQueues } from './dashboards/workers-and-queues.js';

/** Every dashboard with the name of its file below grafana/dashboards/. */
export const allDashboards = (): { file: string; dashboard: Dashboard }[] => [
  { file: 'overview.json', dashboard: toDashboard(overview) },
  { file: 'ledger-and-holds.json', dashboard: toDashboard(ledgerAndHolds) },
  { file: 'workers-and-queues.json', dashboard: toDashboard(workersAndQueues) },
  { file: 'redis-and-postgres.json', dashboard: toDashboard(redisAndPostgres) },
  { file: 'business.json', dashboard: toDashboard(business) },
  { file: 'limits-and-webhooks.json', dashboard: toDashboard(limitsAndWebhooks) },
];

/** Every expression that a panel shows, with where it is. */
export const allExpressions = (): { dashboard: string; panel: string; refId: string; expr: string }[] =>
  allDashboards().flatMap(({ dashboard }) => panelsOf(dashboard).flatMap((panel) =>
    targetsOf(panel).map(({ refId, expr }) => ({ dashboard: dashboard.title ?? '', panel: panel.title ?? '', refId, expr }))));
