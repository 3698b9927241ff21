import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Clock } from '../clock.js';

const EVERY_MS = 60_000;

/** Reports failed exports, at most once a minute. */
export function watchExporter(exporter: SpanExporter, clock: Clock, onError: (error: unknown) => void): SpanExporter {
  let quietUntilMs = 0;
  return {
    export: (spans, done) => {
      exporter.export(spans, (result) => {
        if (result.error !== undefined && clock() >= quietUntilMs) {
          quietUntilMs = clock() + EVERY_MS;
          onError(result.error);
        }
        done(result);
      });
    },
    forceFlush: async () => { await exporter.forceFlush?.(); },
    shutdown: () => exporter.shutdown(),
  };
}
