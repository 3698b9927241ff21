import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ruleExpressions, ruleValues } from '../../grafana/src/alerts.js';
import { projectRoot } from '../../src/kit/paths.js';

/** One thing that is asked of Prometheus, and where it is written. `isEventful`: answers only while something happens. */
export type Expression = { readonly where: string; readonly expr: string; readonly isEventful: boolean };
/** `label_values(selector, label)` of a dashboard's variable. */
export type LabelQuery = { readonly where: string; readonly selector: string; readonly label: string };

type Target = { readonly expr?: string; readonly refId?: string };
type Panel = { readonly title?: string; readonly targets?: readonly Target[]; readonly panels?: readonly Panel[] };
type Variable = { readonly name: string; readonly type: string; readonly query?: unknown };
type Dashboard = {
  readonly title: string; readonly panels: readonly Panel[];
  readonly templating?: { readonly list?: readonly Variable[] };
  readonly annotations?: { readonly list?: readonly { readonly name: string; readonly expr?: string }[] };
};

const DASHBOARDS = join(projectRoot, 'grafana', 'dashboards');
const LABEL_VALUES = /^label_values\((.+),\s*(\w+)\)$/s;
/** A comparison at the end: without it, the value. */
const COMPARISON = /\s*(?:>=|<=|==|!=|>|<)\s*-?[\d.e]+\s*$/;

/** What Grafana would put in. Windows are long enough for four scrapes of a run that takes a minute. */
const BUILT_IN: Readonly<Record<string, string>> = { __rate_interval: '20s', __range: '5m', __interval: '20s', __range_s: '300' };

/** The dashboards as they are committed: what ships is what is asked. */
export function dashboardExpressions(): { readonly expressions: readonly Expression[]; readonly labels: readonly LabelQuery[] } {
  const dashboards = existsSync(DASHBOARDS) ? readdirSync(DASHBOARDS).filter((name) => name.endsWith('.json')).sort()
    .map((name) => JSON.parse(readFileSync(join(DASHBOARDS, name), 'utf8')) as Dashboard) : [];
  return {
    expressions: dashboards.flatMap((dashboard) => [
      ...panelsOf(dashboard.panels).flatMap(({ title = 'untitled', targets = [] }) => targets.flatMap(({ expr, refId = '' }) =>
        (expr === undefined ? [] : [
          { where: `${dashboard.title} / ${title} ${refId}`, expr: withValues(expr, dashboard), isEventful: false },
        ]))),
      ...(dashboard.annotations?.list ?? []).flatMap(({ name, expr }) =>
        (expr === undefined ? [] : eventful(`${dashboard.title} / annotation ${name}`, withValues(expr, dashboard)))),
    ]),
    labels: dashboards.flatMap((dashboard) => variablesOf(dashboard).flatMap(({ name, type, query }) => {
      const found = type === 'query' && typeof query === 'string' ? LABEL_VALUES.exec(query) : null;
      const [, selector, label] = found ?? [];
      return selector === undefined || label === undefined ? [] : [{ where: `${dashboard.title} / variable ${name}`, selector, label }];
    })),
  };
}

/** Of every alert its values, which must be there, and the whole, which must be a question that can be answered. */
export const alertExpressions = (): readonly Expression[] => [
  ...ruleValues().map(({ rule, expr }) => ({ where: `rule ${rule}`, expr, isEventful: false })),
  ...ruleExpressions().map(({ rule, expr }) => ({ where: `alert ${rule}`, expr, isEventful: true })),
];

/** What marks an event has no answer before the event; what it is compared with has. */
const eventful = (where: string, expr: string): Expression[] => [
  { where, expr, isEventful: true },
  ...(COMPARISON.test(expr) ? [{ where: `${where}, its value`, expr: expr.replace(COMPARISON, ''), isEventful: false }] : []),
];

const panelsOf = (panels: readonly Panel[]): Panel[] => panels.flatMap((panel) => [panel, ...panelsOf(panel.panels ?? [])]);
const variablesOf = ({ templating }: Dashboard): readonly Variable[] => templating?.list ?? [];

/** Puts in what Grafana would, with everything chosen. A look back becomes one that this short run has. */
function withValues(expr: string, dashboard: Dashboard): string {
  const values = new Map(variablesOf(dashboard).map(({ name, type, query }) => [
    name, type === 'query' || typeof query !== 'string' ? '.*' : query,
  ]));
  return expr
    .replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced: string | undefined, plain: string | undefined) => {
      const name = braced ?? plain ?? '';
      return BUILT_IN[name] ?? values.get(name) ?? whole;
    })
    .replaceAll(/\boffset \d+[smhdw]/g, 'offset 10s');
}
