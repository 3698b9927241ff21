import type { Options as BarsOptions } from '@grafana/grafana-foundation-sdk/bargauge';
import type { FieldConfigSource, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Options as StatOptions } from '@grafana/grafana-foundation-sdk/stat';
import type { FieldConfig as GraphStyle, Options as GraphOptions } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Dashboard } from '../../grafana/src/classic.js';

/**
 * What our dashboards' JSON may contain, by Grafana's own types; dashboard-schema.ts makes a JSON Schema of it. Grafana's
 * dashboard leaves the targets, options and style of a panel to the panel's and the data source's types: here they are
 * put in.
 */
export type OurDashboard = Omit<Dashboard, 'panels' | 'snapshot'> & {
  readonly panels: readonly (
    | RowPanel | PanelOf<'stat', StatOptions> | PanelOf<'timeseries', GraphOptions, GraphStyle> | PanelOf<'bargauge', BarsOptions>)[];
};

type PanelOf<Type extends string, Options, Style = Record<string, never>> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> & {
  readonly type: Type;
  readonly options: Options;
  readonly targets: readonly Omit<Dataquery, '_implementsDataqueryVariant'>[];
  readonly fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    readonly defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { readonly custom?: Style };
  };
};
