import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder, ConstantVariableBuilder, DashboardCursorSync, DashboardLinkBuilder, DashboardLinkType,
  DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder, VariableRefresh, VariableSort, type AnnotationQuery,
  type DashboardLink, type Panel, type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { newDashboard, type Dashboard } from './classic.js';
import { growth } from './expressions.js';
import { DATASOURCE } from './panels.js';
import { processSeries, series } from './promql.js';
import { RUNBOOK_DEFAULT, RUNBOOK_VARIABLE } from './runbook.js';

/** A dashboard as data: rows of panels, laid out from left to right. */
export type DashboardSpec = {
  /** Links contain it; never change one. */
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  /** Choices at the top of the page, besides the data source. */
  readonly variables: readonly (keyof typeof CHOICES)[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Builder<Panel>[] }[];
};

const TAG = 'credit-gateway';
/** Rows are panels to Grafana and need ids; those of panels are smaller. */
const FIRST_ROW_ID = 1_001;

/** Each variable with the metric that has its values. */
const CHOICES = {
  instance: { label: 'Process', query: `label_values(${series('build')}, instance)` },
  route: { label: 'Route', query: `label_values(${series('requestSeconds').replace('{', '_count{')}, route)` },
  model: { label: 'Model', query: `label_values(${series('modelMessages')}, model)` },
} as const;

/** The content of the file: the parts that all dashboards share, and the rows of this one. */
export function toDashboard({ uid, title, about, variables, rows }: DashboardSpec): Dashboard {
  const dashboard = newDashboard(title)
    .uid(uid)
    .description(about)
    .tags([TAG])
    .timezone('utc')
    .readonly()
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .variables([datasource(), runbook(), ...variables.map(choice)])
    .annotations([starts(), fences()])
    .links(links());
  rows.forEach((row, index) => {
    dashboard.withRow(new RowBuilder(row.title).id(FIRST_ROW_ID + index));
    for (const panel of row.panels) dashboard.withPanel(panel);
  });
  return dashboard.build();
}

const datasource = (): Builder<VariableModel> =>
  new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus').current({ text: 'Prometheus', value: 'prometheus' });

const runbook = (): Builder<VariableModel> => new ConstantVariableBuilder(RUNBOOK_VARIABLE).label('Runbook').value(RUNBOOK_DEFAULT);

function choice(name: keyof typeof CHOICES): Builder<VariableModel> {
  const { label, query } = CHOICES[name];
  return new QueryVariableBuilder(name).label(label).datasource(DATASOURCE).query(query).definition(query)
    .multi(true).includeAll(true).allValue('.*').current({ selected: true, text: ['All'], value: ['$__all'] })
    .refresh(VariableRefresh.OnTimeRangeChanged).sort(VariableSort.AlphabeticalAsc);
}

/** The value is the time, so a start is drawn where it was, whatever the step; a new version shows in its text. */
const starts = (): Builder<AnnotationQuery> =>
  annotation('Starts', 'blue', `1000 * ${processSeries('process_start_time_seconds')} * on (job, instance) group_left (version) ${series('build')}`)
    .useValueForTime(true).titleFormat('Process started').textFormat('{{instance}} runs version {{version}}').tagKeys('version');

const fences = (): Builder<AnnotationQuery> =>
  annotation('Fences', 'red', `${growth('fenceEpochs', '1m')} > 0`).step('60s').titleFormat('Shards fenced and rebuilt').textFormat('Redis was down, empty or behind; see the runbook');

const annotation = (name: string, color: string, expr: string): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder().name(name).enable(true).iconColor(color).datasource(DATASOURCE).expr(expr);

const links = (): Builder<DashboardLink>[] => [
  new DashboardLinkBuilder('Dashboards').type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true).includeVars(true),
  new DashboardLinkBuilder('Runbook').type(DashboardLinkType.Link).icon('doc').url(`\${${RUNBOOK_VARIABLE}}`).targetBlank(true),
].map(inSight);

/** Removes the placement that the library sets, which would put links into a menu. */
const inSight = (link: Builder<DashboardLink>): Builder<DashboardLink> => ({
  build: () => {
    const built = link.build();
    delete built.placement;
    return built;
  },
});
