import { GatewayError } from '../errors.js';

/** Never an account, a hold, a key or a text of a caller: traces are stored outside the ledger and its rules. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export type SpanSpec = {
  /** Who started the operation: a caller (`server`), this process towards another (`client`), or a queue (`consumer`). */
  readonly kind: 'server' | 'client' | 'consumer';
  readonly attributes?: Attributes;
  /** The traceparent of the parent span; by default the current span here. */
  readonly parent?: string | undefined;
  /** Whether it may begin a trace, subject to sampling. Other spans are only recorded below a recorded one. */
  readonly isRoot?: boolean;
  /** Traceparents of related spans. */
  readonly links?: readonly string[];
  /** Start time; by default now. */
  readonly startMs?: number;
};

/** One recorded step of a trace. */
export interface Span {
  readonly traceId: string;
  /** Its W3C traceparent, for use as a parent or link elsewhere. */
  readonly traceparent: string;
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** Marks it as failed with a kind of error; never with its message, which may contain private data. */
  fail(kind: string): void;
  /** Ends the span; spans started below it afterwards are not recorded. */
  end(atMs?: number): void;
}

/** The port of tracing. Only code that is given a tracer uses it; the only implementation is `open-tracing.ts`. */
export interface Tracer {
  /** Begins a span, or returns null when it is not recorded, which is the usual case. */
  start(name: string, spec: SpanSpec): Span | null;
  /** Runs the work with this span as the current one. */
  within<T>(span: Span | null, work: () => Promise<T>): Promise<T>;
  /** Makes this span the current one for the rest of the enclosing `within`. */
  enter(span: Span): void;
  /** The current recorded span, if any. */
  current(): Span | null;
  /** Exports the remaining spans; bounded in time. */
  close(): Promise<void>;
}

/** Runs the work in a span of its own. */
export async function inSpan<T>(tracer: Tracer, name: string, spec: SpanSpec, work: () => Promise<T>): Promise<T> {
  const span = tracer.start(name, spec);
  if (span === null) return work();
  try {
    return await tracer.within(span, work);
  } catch (error) {
    span.fail(kindOf(error));
    throw error;
  } finally {
    span.end();
  }
}

/** A kind of error that contains no data of a caller. */
export function kindOf(error: unknown): string {
  if (error instanceof GatewayError) return error.code;
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
