import type { Attributes, Span, SpanSpec, Tracer } from '../../../src/kit/tracing/tracer.js';

export type RecordedSpan = {
  name: string;
  readonly spec: SpanSpec;
  readonly attributes: Record<string, Attributes[string]>;
  failed: string | null;
  isOver: boolean;
};

/** A tracer that records every span and exports none. */
export function recorder(
  traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
): Tracer & { readonly spans: RecordedSpan[] } {
  const spans: RecordedSpan[] = [];
  const start = (name: string, spec: SpanSpec): Span => {
    const span: RecordedSpan = { name, spec, attributes: { ...spec.attributes }, failed: null, isOver: false };
    spans.push(span);
    return {
      traceId: traceparent.split('-')[1] ?? '', traceparent,
      rename: (to) => { span.name = to; },
      set: (attributes) => { Object.assign(span.attributes, attributes); },
      fail: (kind) => { span.failed = kind; },
      end: () => { span.isOver = true; },
    };
  };
  return { spans, start, within: (_span, work) => work(), enter: () => undefined, current: () => null, close: () => Promise.resolve() };
}
