import { stringify } from 'yaml';

/**
 * The types of alert rules. The value and its comparison are separate, so that `npm run verify:observability` can ask a
 * live Prometheus whether the value exists: an alert over a series that no process exports never fires, which looks the
 * same as an alert without a reason to fire.
 */

/** page: pages the operator on call. ticket: can wait until working hours. */
export type Severity = 'page' | 'ticket';

export type Condition = {
  /** PromQL that always has a value while the gateway runs. */
  readonly value: string;
  /** The comparison under which the alert fires, such as `> 5`. */
  readonly is: string;
};

export type Alert = {
  readonly name: string;
  readonly severity: Severity;
  /** Tells rules of the same name and severity apart. */
  readonly labels?: Readonly<Record<string, string>>;
  /** How long the condition must hold before the alert fires. */
  readonly holdsFor: string;
  /** All conditions must hold. Those after the first have the same labels as the first, or none. */
  readonly when: readonly [Condition, ...Condition[]];
  readonly summary: string;
  /** Contains the measured value and its bound. */
  readonly description: string;
};

/** An expression that several rules use, computed once. */
export type Recording = { readonly record: string; readonly expr: string };

export type Group = { readonly name: string; readonly recordings?: readonly Recording[]; readonly alerts: readonly Alert[] };

export const exprOf = ({ when }: Alert): string =>
  when.length === 1 ? comparison(when[0]) : when.map((each) => `(${comparison(each)})`).join(' and ');

const comparison = ({ value, is }: Condition): string => `${value} ${is}`;

/** `JournalLag` has the heading `Journal lag` in the runbook. */
export const headingOf = (name: string): string => name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** The heading's anchor, as GitHub and most others make it. */
export const anchorOf = (name: string): string => headingOf(name).toLowerCase().replaceAll(' ', '-');

/** The setting for the address of the runbook: an external label of Prometheus (grafana/prometheus.yml). */
export const RUNBOOK = '{{ $externalLabels.runbook }}';

/** Prometheus' file of rules. */
export function yamlOf(groups: readonly Group[]): string {
  const header = '# Written by grafana/src/alerts.ts (npm run dashboards): change the rules there, not here.\n';
  return header + stringify({
    groups: groups.map(({ name, recordings = [], alerts }) => ({
      name,
      rules: [...recordings.map(({ record, expr }) => ({ record, expr })), ...alerts.map(ruleOf)],
    })),
  }, { lineWidth: 0 });
}

const ruleOf = (alert: Alert) => ({
  alert: alert.name,
  expr: exprOf(alert),
  for: alert.holdsFor,
  labels: { severity: alert.severity, ...alert.labels },
  annotations: { summary: alert.summary, description: alert.description, runbook_url: `${RUNBOOK}#${anchorOf(alert.name)}` },
});
