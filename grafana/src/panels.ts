import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { PanelBuilder as BarGaugeBuilder } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode, BigValueColorMode, BigValueGraphMode, BigValueTextMode, GraphThresholdsStyleConfigBuilder, GraphThresholdsStyleMode,
  LegendDisplayMode, LegendPlacement, ReduceDataOptionsBuilder, SortOrder, StackingConfigBuilder, StackingMode, TooltipDisplayMode,
  VisibilityMode, VizLegendOptionsBuilder, VizOrientation, VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder, DashboardLinkType, FieldColorBuilder, FieldColorModeId, MappingType, SpecialValueMatch, ThresholdsConfigBuilder,
  ThresholdsMode, type Panel, type Threshold, type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { runbookUrl, type RunbookSection } from './runbook.js';

/**
 * The three kinds of panels, declared as data and built with Grafana's own library: a number (`stat`), lines over time
 * (`graph`) and the largest values (`bars`). Options that all panels of a kind share are set here.
 */

/** Grafana's names of units. `percentunit`: 1 is 100 %. */
type Unit = 'short' | 'none' | 's' | 'percentunit' | 'bytes' | 'reqps' | 'ops';

export type PanelSpec = {
  /** Unique in its dashboard; links point at it, so it stays when panels move. */
  readonly id: number;
  readonly title: string;
  /** What it shows, what is normal, what to do. */
  readonly about: string;
  readonly unit: Unit;
  /** Of 24 columns. */
  readonly width: number;
  readonly height?: number;
  /** PromQL by legend; `{{label}}` in a legend is the label's value. */
  readonly queries: Readonly<Record<string, string>>;
  readonly thresholds?: readonly Threshold[];
  readonly runbook?: readonly RunbookSection[];
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
};

export type StatSpec = PanelSpec & {
  /** The text for a missing value that is normal. Without it a missing value is shown as a problem. */
  readonly idle?: string;
  /** What single values mean. */
  readonly words?: Readonly<Record<number, { readonly text: string; readonly color: Color }>>;
  /** The legend is the message. */
  readonly show?: 'name';
};
export type GraphSpec = PanelSpec & { readonly isStacked?: boolean; readonly legend?: 'list' | 'table' };

type Color = 'green' | 'orange' | 'red' | 'blue' | typeof GREY;
const GREY = '#808080';

const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;

/** The data source that the reader chose. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** Good below the bounds. */
export const over = ({ warn, bad }: { readonly warn?: number; readonly bad?: number }): readonly Threshold[] => [
  { value: null, color: 'green' },
  ...(warn === undefined ? [] : [{ value: warn, color: 'orange' }]),
  ...(bad === undefined ? [] : [{ value: bad, color: 'red' }]),
];

/** Good above the bounds. */
export const under = ({ warn, bad }: { readonly warn: number; readonly bad: number }): readonly Threshold[] =>
  [{ value: null, color: 'red' }, { value: bad, color: 'orange' }, { value: warn, color: 'green' }];

/** The current value: an instant query, so that a series that is no longer measured does not show its last value. */
export function stat(spec: StatSpec): Builder<Panel> {
  const panel = common(new StatBuilder(), spec, { height: STAT_HEIGHT, isInstant: true })
    .graphMode(BigValueGraphMode.None)
    .colorMode(spec.thresholds === undefined && spec.words === undefined ? BigValueColorMode.Value : BigValueColorMode.Background)
    .textMode(spec.show === 'name' ? BigValueTextMode.Name : BigValueTextMode.Auto)
    .reduceOptions(lastValue())
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .noValue(spec.idle ?? NO_DATA)
    .mappings(mappings(spec));
  return panel.thresholds(steps(spec.thresholds ?? [{ value: null, color: 'blue' }]));
}

/** Lines over time, with the limit drawn where there is one. */
export function graph(spec: GraphSpec): Builder<Panel> {
  const { legend = 'list', isStacked = false, thresholds } = spec;
  const panel = common(new GraphBuilder(), { min: 0, ...spec }, { height: GRAPH_HEIGHT, isInstant: false })
    .lineWidth(1)
    .fillOpacity(isStacked ? 40 : 8)
    .showPoints(VisibilityMode.Never)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .legend(new VizLegendOptionsBuilder().showLegend(true).calcs(legend === 'table' ? ['lastNotNull', 'max'] : [])
      .displayMode(legend === 'table' ? LegendDisplayMode.Table : LegendDisplayMode.List)
      .placement(legend === 'table' ? LegendPlacement.Right : LegendPlacement.Bottom));
  if (isStacked) panel.stacking(new StackingConfigBuilder().group('A').mode(StackingMode.Normal));
  if (thresholds === undefined) return panel;
  return panel.thresholds(steps(thresholds)).thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
}

/** The largest values as bars: instant queries, usually sorted. */
export function bars(spec: PanelSpec): Builder<Panel> {
  return common(new BarGaugeBuilder(), { min: 0, ...spec }, { height: GRAPH_HEIGHT, isInstant: true })
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .reduceOptions(lastValue())
    .noValue('nothing yet')
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .thresholds(steps(spec.thresholds ?? [{ value: null, color: 'blue' }]));
}

type AnyBuilder = StatBuilder | GraphBuilder | BarGaugeBuilder;

function common<B extends AnyBuilder>(panel: B, spec: PanelSpec, { height, isInstant }: { readonly height: number; readonly isInstant: boolean }): B {
  panel.id(spec.id).title(spec.title).description(spec.about).unit(spec.unit).datasource(DATASOURCE).span(spec.width).height(spec.height ?? height);
  Object.entries(spec.queries).forEach(([legend, expr], index) => {
    const query = new DataqueryBuilder().refId(String.fromCharCode('A'.charCodeAt(0) + index)).datasource(DATASOURCE).expr(expr).legendFormat(legend);
    panel.withTarget(isInstant ? query.instant() : query.range());
  });
  if (spec.min !== undefined) panel.min(spec.min);
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  if (spec.runbook !== undefined) panel.links(spec.runbook.map(whatToDo));
  return panel;
}

const whatToDo = (section: RunbookSection): DashboardLinkBuilder =>
  new DashboardLinkBuilder(`What to do: ${section.replaceAll('-', ' ')}`).type(DashboardLinkType.Link).url(runbookUrl(section)).targetBlank(true);

const steps = (thresholds: readonly Threshold[]): ThresholdsConfigBuilder => new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]);

const lastValue = (): ReduceDataOptionsBuilder => new ReduceDataOptionsBuilder().calcs(['lastNotNull']);

const NO_DATA = 'no data';

/** A missing value is a warning, never green. */
function mappings({ words = {}, idle }: StatSpec): ValueMapping[] {
  const missing = { text: idle ?? NO_DATA, color: idle === undefined ? 'orange' : GREY };
  const special: ValueMapping = { type: MappingType.SpecialValue, options: { match: SpecialValueMatch.NullAndNan, result: missing } };
  return Object.keys(words).length === 0 ? [special] : [{ type: MappingType.ValueToText, options: { ...words } }, special];
}
