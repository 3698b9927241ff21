import { exprOf, yamlOf, type Alert, type Group } from './alert.js';
import { bookAlerts, evictionAlerts, holdAlerts, journalAlerts } from './ledger-alerts.js';
import { postgresAlerts, queueAlerts, redisAlerts } from './server-alerts.js';
import { moneyAlerts, processAlerts, refusalRecordings } from './service-alerts.js';
import { sloAlerts, sloRecordings } from './slo.js';

/** Every rule, in groups that Prometheus evaluates one after the other. What to do about each is in docs/runbook.md. */
const GROUPS: readonly Group[] = [
  { name: 'credit-gateway-promises', recordings: sloRecordings, alerts: sloAlerts },
  { name: 'credit-gateway-books', alerts: bookAlerts },
  { name: 'credit-gateway-journal', alerts: journalAlerts },
  { name: 'credit-gateway-holds', alerts: holdAlerts },
  { name: 'credit-gateway-redis', alerts: redisAlerts },
  { name: 'credit-gateway-eviction', alerts: evictionAlerts },
  { name: 'credit-gateway-postgres', alerts: postgresAlerts },
  { name: 'credit-gateway-queues', alerts: queueAlerts },
  { name: 'credit-gateway-money', recordings: refusalRecordings, alerts: moneyAlerts },
  { name: 'credit-gateway-processes', alerts: processAlerts },
];

export const RULES_FILE = 'grafana/alerts/credit-gateway.rules.yml';

export const allAlerts: readonly Alert[] = GROUPS.flatMap(({ alerts }) => alerts);

/** The text of RULES_FILE. */
export const rulesYaml = (): string => yamlOf(GROUPS);

/** Expressions that a live Prometheus must have data for: each value of an alert, the whole expression of a recording. */
export function ruleValues(): { readonly rule: string; readonly expr: string }[] {
  return [
    ...GROUPS.flatMap(({ recordings = [] }) => recordings.map(({ record, expr }) => ({ rule: record, expr }))),
    ...allAlerts.flatMap((alert) => alert.when.map(({ value }, index) => ({
      rule: `${alert.name} (${alert.severity}${alert.labels?.['window'] === undefined ? '' : ` ${alert.labels['window']}`})${alert.when.length === 1 ? '' : ` ${index + 1}`}`,
      expr: value,
    }))),
  ];
}

/** The whole expressions of the alerts. They return nothing while no alert fires. */
export const ruleExpressions = (): { readonly rule: string; readonly expr: string }[] => allAlerts.map((alert) => ({ rule: alert.name, expr: exprOf(alert) }));
