import { GatewayError } from '../../kit/errors.js';
import type { Log } from '../../kit/log.js';
import type { Metrics } from '../../kit/metrics/metrics.js';
import type { Envelope } from './failure.js';
import { healthRoutes, type HealthDeps } from './health.js';
import { koaApp, type App } from './koa-app.js';
import { routeTable } from './routes.js';

export type OperationsDeps = {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'http'>;
  readonly health: HealthDeps;
  readonly envelope: Envelope;
};

/** The HTTP side of a process that serves no API: its probes and its metrics, and nothing else. */
export function createOperationsApp({ log, metrics, health, envelope }: OperationsDeps): App {
  const table = routeTable({
    metrics,
    authenticate: () => { throw new GatewayError('unauthenticated', 'this process authenticates no callers'); },
  });
  healthRoutes(table.add, health);
  // This process serves no API, so a request for another path is not recorded as a refusal.
  return koaApp({ log, metrics, envelope: () => envelope, onRefused: () => undefined }, table.middleware(), () => {
    throw new GatewayError('not_found', 'Not found');
  });
}
