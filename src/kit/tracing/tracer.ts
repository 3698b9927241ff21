import { GatewayError } from '../errors.js';

/** Never an account, a hold, a key or a text that a caller sent: traces are kept where the ledger's rules do not apply. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export type SpanSpec = {
  /** Who asked for it: a caller (`server`), we somebody else (`client`), or a queue (`consumer`). */
  readonly kind: 'server' | 'client' | 'consumer';
  readonly attributes?: Attributes;
  /** The traceparent of the span above. Otherwise it is the one under way here. */
  readonly parent?: string | undefined;
  /** May begin a trace of its own, which chance then decides; others are only recorded below something recorded. */
  readonly isRoot?: boolean;
  /** Traceparents of other spans that it has to do with. */
  readonly links?: readonly string[];
  /** When it began, if not now. */
  readonly startMs?: number;
};

/** One recorded step of a trace. */
export interface Span {
  readonly traceId: string;
  /** Its W3C traceparent, which names it elsewhere. */
  readonly traceparent: string;
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** Marks it as failed, by a kind of error; never by its message, which may say whose money it was. */
  fail(kind: string): void;
  /** Nothing is recorded below it afterwards. */
  end(atMs?: number): void;
}

/** The port of tracing. Nobody knows it who was not composed with it; the only implementation is `open-tracing.ts`. */
export interface Tracer {
  /** Begins a span, or answers null when this one is not recorded: most are not. */
  start(name: string, spec: SpanSpec): Span | null;
  /** Does some work with this span as the one under way. */
  within<T>(span: Span | null, work: () => Promise<T>): Promise<T>;
  /** From now on this span is the one under way, in all of the `within` that this is called in. */
  enter(span: Span): void;
  /** The recorded span under way here. */
  current(): Span | null;
  /** Exports what is left, but never waits long. */
  close(): Promise<void>;
}

/** Does some work in a span of its own. */
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

/** A word for what went wrong that says nothing about anybody. */
export function kindOf(error: unknown): string {
  if (error instanceof GatewayError) return error.code;
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
