import type { Server } from 'node:http';
import type { Config } from '../config.js';
import { accountingEnvelope } from '../edge/accounting-service/envelope.js';
import { operatorsBy, type HealthDeps, type MayOperate, type Readiness } from '../edge/http/health.js';
import { createOperationsApp } from '../edge/http/operations-app.js';
import { closeServer, httpServer, listen } from '../edge/http/server.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';

export type OperationsServerDeps = {
  readonly config: Pick<Config, 'port' | 'host' | 'operations'>;
  /** Whether the process takes traffic, and the checks behind it. */
  readonly readiness: () => Readiness;
  /** Opens the main port as well, for probes: in a process without an API. */
  readonly ownsMainPort: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly metricsText: HealthDeps['metricsText'];
};

export type OperationsServer = {
  readonly port: number;
  /** Undefined for a process with an API, which listens there itself. */
  readonly mainPort: number | undefined;
  close(): Promise<void>;
};

/** A scrape takes milliseconds. */
const GRACE_MS = 1_000;

/**
 * Opens the port of operations: probes, readiness in detail and metrics. Called last, so that everything is started when the
 * port answers.
 */
export async function openOperations(
  { config: { port, host, operations }, readiness, ownsMainPort, log, metrics, metricsText }: OperationsServerDeps,
): Promise<OperationsServer> {
  let isServing = true;
  const open = async (mayOperate: MayOperate, at: { readonly port: number; readonly host: string }): Promise<readonly [Server, number]> => {
    const health: HealthDeps = {
      readiness: () => ({ ...readiness(), serving: isServing && readiness().serving }), metricsText, mayOperate,
    };
    const server = httpServer(createOperationsApp({ log, metrics, health, envelope: accountingEnvelope }), (reason) => {
      metrics.count('socketsClosed', { reason });
    });
    return [server, await listen(server, at.port, at.host)];
  };
  const own = await open(operatorsBy(operations.token, 'yes'), operations);
  const main = ownsMainPort ? await open(operatorsBy(operations.token, 'no'), { port, host }) : undefined;
  return {
    port: own[1],
    mainPort: main?.[1],
    close: async () => {
      isServing = false;
      await Promise.all([own, ...main === undefined ? [] : [main]].map(([server]) => closeServer(server, GRACE_MS)));
    },
  };
}
