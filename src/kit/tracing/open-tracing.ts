import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Context, type Span as SdkSpan, type SpanContext,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { settleWithin } from '../settle-within.js';
import type { TracingConfig } from './otlp-settings.js';
import { readTraceparent, writeTraceparent, type TraceparentFacts } from './traceparent.js';
import type { Span, SpanSpec, Tracer } from './tracer.js';
import { watchExporter } from './watch-exporter.js';

export type TracingDeps = { readonly config: TracingConfig; readonly version: string; readonly log: Log; readonly clock: Clock };

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, consumer: SpanKind.CONSUMER } as const;

/** Spans that wait in memory for the collector, about a kilobyte each; further ones are dropped. */
const WAITING_SPANS_MAX = 4_096;
const EXPORTED_SPANS_MAX = 512;
const EXPORT_EVERY_MS = 1_000;
/** Deadline of an export, one retry included. Later the spans are dropped; a stop waits no longer either. */
const EXPORT_TIMEOUT_MS = 2_000;
/** The exporter gives up by itself; this deadline only applies after that one. */
const EXPORT_TIMEOUT_MARGIN_MS = 1_000;
/** Most entries that one span of a drain links to; a batch has up to a thousand. */
const LINKS_MAX = 128;

/** The current span of one asynchronous flow. */
type Scope = { span: Recorded | null };
type Recorded = Span & { readonly context: Context; readonly isOver: () => boolean };

/**
 * The tracer over OpenTelemetry's SDK: spans leave in batches over OTLP/HTTP, in the background. Nothing is registered
 * globally. Only this module imports OpenTelemetry, and it is only loaded when a collector is configured.
 */
export function openTracing({ config, version, log, clock }: TracingDeps): Tracer {
  const exporter = new OTLPTraceExporter({ url: config.url, headers: { ...config.headers }, timeoutMillis: EXPORT_TIMEOUT_MS });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': config.serviceName, 'service.version': version, 'process.pid': process.pid }),
    // Sampling is decided in contextAbove, before the library is called: most requests are not traced and must stay cheap.
    sampler: new AlwaysOnSampler(),
    spanLimits: { linkCountLimit: LINKS_MAX },
    spanProcessors: [new BatchSpanProcessor(watchExporter(exporter, clock, (error) => {
      log.warn({ err: error }, 'traces not exported; they are lost');
    }), {
      maxQueueSize: WAITING_SPANS_MAX, maxExportBatchSize: EXPORTED_SPANS_MAX, scheduledDelayMillis: EXPORT_EVERY_MS,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS + EXPORT_TIMEOUT_MARGIN_MS,
    })],
  });
  const sdk = provider.getTracer('credit-gateway', version);
  // Up to Node 22, using AsyncLocalStorage makes every promise of the process slightly more expensive.
  const scopes = new AsyncLocalStorage<Scope>();

  const current = (): Recorded | null => {
    const span = scopes.getStore()?.span ?? null;
    // What a request leaves running, such as a timer or a loop, is no longer part of it.
    return span === null || span.isOver() ? null : span;
  };

  return {
    current,
    start: (name, spec) => {
      const above = contextAbove(spec, current(), config.ratio);
      if (above === null) return null;
      const { kind, attributes = {}, links = [], startMs } = spec;
      const span = sdk.startSpan(name, {
        kind: KINDS[kind], attributes, links: links.flatMap(linkTo), ...(startMs === undefined ? {} : { startTime: startMs }),
      }, above);
      return recorded(span);
    },
    within: (span, work) => scopes.run({ span: span as Recorded | null }, work),
    enter: (span) => {
      const scope = scopes.getStore();
      if (scope !== undefined) scope.span = span as Recorded;
    },
    close: () => settleWithin(EXPORT_TIMEOUT_MS, provider.shutdown()),
  };
}

/** The context of a new span, or null when it is not recorded: the parent decides, and without one the ratio. */
function contextAbove({ parent, isRoot = false }: SpanSpec, current: Recorded | null, ratio: number): Context | null {
  const remote = parent === undefined ? undefined : readTraceparent(parent);
  if (remote !== undefined) return remote.isSampled ? trace.setSpanContext(ROOT_CONTEXT, spanContextOf(remote)) : null;
  return current?.context ?? (isRoot && Math.random() < ratio ? ROOT_CONTEXT : null);
}

const spanContextOf = ({ traceId, spanId, isSampled }: TraceparentFacts): SpanContext =>
  ({ traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true });

const linkTo = (traceparent: string): { context: SpanContext }[] => {
  const facts = readTraceparent(traceparent);
  return facts === undefined ? [] : [{ context: spanContextOf(facts) }];
};

function recorded(span: SdkSpan): Recorded {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    traceparent: writeTraceparent({ traceId, spanId, isSampled: true }),
    context: trace.setSpan(ROOT_CONTEXT, span),
    isOver: () => !span.isRecording(),
    rename: (name) => { span.updateName(name); },
    set: (attributes) => { span.setAttributes(attributes); },
    fail: (kind) => {
      span.setAttribute('error.type', kind);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: (atMs) => { span.end(atMs); },
  };
}
