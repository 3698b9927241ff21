import type { Config } from '../config.js';
import { accountingEnvelope } from '../edge/accounting-service/envelope.js';
import type { HealthDeps, Readiness } from '../edge/http/health.js';
import { createOperationsApp } from '../edge/http/operations-app.js';
import { closeServer, httpServer, listen } from '../edge/http/server.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';

export type OperationsServerDeps = {
  readonly config: Pick<Config, 'port' | 'host'>;
  readonly checks: () => Readiness['checks'];
  readonly log: Log;
  readonly metrics: Metrics;
  readonly metricsText: HealthDeps['metricsText'];
};

export type OperationsServer = { readonly port: number; close(): Promise<void> };

/** A scrape takes milliseconds. */
const GRACE_MS = 1_000;

/** Opens the port of a process without an API. Called last, so that everything is started when the port answers. */
export async function openOperations({ config, checks, log, metrics, metricsText }: OperationsServerDeps): Promise<OperationsServer> {
  let isServing = true;
  const health: HealthDeps = { readiness: () => ({ serving: isServing, checks: checks() }), metricsText };
  const server = httpServer(createOperationsApp({ log, metrics, health, envelope: accountingEnvelope }), (reason) => {
    metrics.count('socketsClosed', { reason });
  });
  const port = await listen(server, config.port, config.host);
  return {
    port,
    close: async () => {
      isServing = false;
      await closeServer(server, GRACE_MS);
    },
  };
}
