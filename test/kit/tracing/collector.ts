import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A span in OTLP's JSON form, with its attributes as a plain object. */
export type ReceivedSpan = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** 2: server, 3: client, 5: consumer. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** `code` 2: an error. */
  readonly status: { readonly code?: number };
};

export type Collector = {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  /** Received bodies. */
  readonly texts: string[];
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** All spans of a trace, once it has spans with these names. */
  trace(traceId: string, ...until: readonly string[]): Promise<ReceivedSpan[]>;
  stop(): Promise<void>;
};

type Value = { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean };
type Exported = Omit<ReceivedSpan, 'attributes' | 'links'> & {
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly links?: ReceivedSpan['links'];
};
type Export = { readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Exported[] }[] }[] };

const PATIENCE_MS = 20_000;

/** A collector for traces: receives OTLP over HTTP as JSON and keeps it. */
export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  const requests: Collector['requests'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      texts.push(text);
      requests.push({ path: request.url ?? '', headers: request.headers });
      spans.push(...(JSON.parse(text) as Export).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans.map(plain))));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans, texts, requests,
    trace: async (traceId, ...until) => {
      const found = (): ReceivedSpan[] => spans.filter((span) => span.traceId === traceId);
      const deadline = performance.now() + PATIENCE_MS;
      const missing = (): string[] => until.filter((wanted) => !found().some(({ name }) => name === wanted));
      while (missing().length > 0) {
        if (performance.now() > deadline) {
          throw new Error(`no ${missing().join(', ')} in trace ${traceId}, only ${found().map(({ name }) => name).join(', ')}`);
        }
        await sleep(20);
      }
      return found();
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const plain = (span: Exported): ReceivedSpan => ({
  ...span,
  links: span.links ?? [],
  attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [
    key, value.stringValue ?? value.boolValue ?? Number(value.intValue),
  ])),
});
