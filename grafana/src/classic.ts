/* eslint-disable @typescript-eslint/no-deprecated -- the library prefers the dashboards of Grafana 13; every Grafana since 9 reads these. */
import { DashboardBuilder, type Dashboard as Classic, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';

/** The classic format of a dashboard's file, and what is always in ours although Grafana's types leave it open. */
export type Dashboard = Classic;

export const newDashboard = (title: string): DashboardBuilder => new DashboardBuilder(title);

/** Without rows, which are headings. */
export const panelsOf = ({ panels = [] }: Dashboard): Panel[] => panels.filter((panel): panel is Panel => panel.type !== 'row');

export type Target = { readonly refId: string; readonly expr: string; readonly datasource?: unknown };

export const targetsOf = ({ targets = [] }: Panel): Target[] => targets.map((target) => {
  const { refId, expr, datasource } = target as Partial<Target>;
  if (refId === undefined || expr === undefined) throw new Error('a target without refId or expr');
  return { refId, expr, datasource };
});
