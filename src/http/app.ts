import { accountRoutes, type AccountRouteDeps } from '../accounts/account.routes.js';
import type { Authenticate } from '../auth/bearer.js';
import { serverKeyRoutes, type ServerKeyRouteDeps } from '../auth/server-key.routes.js';
import type { AuthenticateServer } from '../auth/server-key.js';
import { consoleRoutes, consoleRules, type ConsoleDeps } from '../console/console.routes.js';
import { accountingEnvelope } from '../dialects/accounting-service/envelope.js';
import { accountingRoutes, type AccountingDeps } from '../dialects/accounting-service/routes.js';
import { orBareToken } from '../dialects/chatsparty/bare-token.js';
import { chatspartyEnvelope } from '../dialects/chatsparty/envelope.js';
import { chatspartyRoutes, type ChatspartyDeps } from '../dialects/chatsparty/routes.js';
import { creditsProcessEnvelope } from '../dialects/credits-process/envelope.js';
import { creditsProcessRoutes, type CreditsProcessDeps } from '../dialects/credits-process/routes.js';
import { GatewayError } from '../errors.js';
import { featureRoutes, type FeatureRouteDeps } from '../features/feature.routes.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics/metrics.js';
import { planRoutes, type PlanRouteDeps } from '../plans/plan.routes.js';
import { priceRoutes } from '../pricing/price.routes.js';
import { reconcileRoutes, type ReconcileRouteDeps } from '../reconcile/reconcile.routes.js';
import type { SetPriceDeps } from '../pricing/set-price.js';
import type { RefusedRequest } from '../refusals/refusal.js';
import { refusalRoutes, type RefusalRouteDeps } from '../refusals/refusal.routes.js';
import { modelCostsRoutes, type ModelCostsRouteDeps } from '../usage/model-costs.routes.js';
import type { Admission } from './admission.js';
import type { Middleware } from './context.js';
import { docsRoutes } from './docs.routes.js';
import { entryRoutes, type ReadHistory } from './entries.routes.js';
import { healthRoutes, type HealthDeps } from './health.js';
import { koaApp, type App } from './koa-app.js';
import { tellRefusal } from './refusals.js';
import { routeTable, type Route } from './routes.js';

export type AppDeps = {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'http' | 'count'>;
  readonly authenticate: Authenticate;
  readonly accounting: AccountingDeps;
  readonly chatsparty: ChatspartyDeps;
  readonly plans: PlanRouteDeps;
  /** Left out, as prices are, by tests of the HTTP side that have no Postgres. */
  readonly oversight?: AccountRouteDeps & ReconcileRouteDeps & Pick<ModelCostsRouteDeps, 'modelCosts'>;
  readonly prices?: SetPriceDeps;
  /** Keeps who was refused, and tells it. Left out by the same. */
  readonly refusals?: RefusalRouteDeps & { readonly record: (refused: RefusedRequest) => void };
  /** What servers with a key call, and what is set up for them. Left out by tests of the other dialects. */
  readonly servers?: ServerSideDeps;
  /** The operator console. Left out by tests of the API. */
  readonly console?: ConsoleDeps;
  readonly health: HealthDeps;
  /** Refuses requests while the process is behind. Left out by tests of the HTTP side. */
  readonly admission?: Pick<Admission, 'assertAdmits'>;
  readonly history: ReadHistory;
  /** Around everything else, where requests are traced. */
  readonly trace?: Middleware | undefined;
};

export type ServerSideDeps = {
  readonly authenticateServer: AuthenticateServer;
  readonly creditsProcess: CreditsProcessDeps;
  readonly administration: ServerKeyRouteDeps & FeatureRouteDeps;
};

/** The HTTP side: every group of routes behind the common middleware. */
export function createApp(deps: AppDeps): App {
  const { log, metrics, trace, accounting: { clock }, refusals } = deps;
  const onRefused = tellRefusal({ metrics, clock, record: refusals?.record ?? (() => undefined) });
  return koaApp({ log, metrics, envelope: accountingEnvelope, trace, onRefused }, allRoutes(deps).middleware(), notFound(deps.authenticate));
}

/** Every route of the gateway with its gate and its schemas: what documentation and the gate test walk. */
export const listRoutes = (deps: AppDeps): readonly Route[] => allRoutes(deps).routes;

function allRoutes(deps: AppDeps): ReturnType<typeof routeTable> {
  const table = routeTable({
    authenticate: deps.authenticate, metrics: deps.metrics, admission: deps.admission,
    ...(deps.servers === undefined ? {} : { authenticateServer: deps.servers.authenticateServer }),
  });
  healthRoutes(table.add, deps.health);
  accountingRoutes(table.add, deps.accounting);
  chatspartyRoutes(table.dialect({ envelope: chatspartyEnvelope, authenticate: orBareToken(deps.authenticate) }), deps.chatsparty);
  planRoutes(table.add, deps.plans);
  if (deps.oversight !== undefined) {
    accountRoutes(table.add, deps.oversight);
    reconcileRoutes(table.add, deps.oversight);
    modelCostsRoutes(table.add, { ...deps.oversight, clock: deps.accounting.clock });
  }
  if (deps.prices !== undefined) priceRoutes(table.add, deps.prices);
  if (deps.servers !== undefined) {
    creditsProcessRoutes(table.dialect({ envelope: creditsProcessEnvelope }), deps.servers.creditsProcess);
    serverKeyRoutes(table.add, deps.servers.administration);
    featureRoutes(table.add, deps.servers.administration);
  }
  if (deps.refusals !== undefined) refusalRoutes(table.add, deps.refusals);
  entryRoutes(table.add, { history: deps.history });
  if (deps.console !== undefined) consoleRoutes(table.pages(consoleRules), deps.console);
  docsRoutes(table.add, { routes: table.routes, version: deps.accounting.version, envelope: accountingEnvelope });
  return table;
}

/** Below these the original asks for a token before it says that there is nothing (contract §2.1). */
const GUARDED = ['/api/credits/', '/credits/', '/api/streaming-sessions/', '/api/usage/'];

/** A path that is known with another method is not found either: the originals have no 405, and callers count on 404. */
function notFound(authenticate: Authenticate): Middleware {
  return async (ctx) => {
    const path = `${ctx.path.toLowerCase()}/`;
    if (GUARDED.some((prefix) => path.startsWith(prefix))) ctx.state.accountId = (await authenticate(ctx.req.headers.authorization)).accountId;
    throw new GatewayError('not_found', 'Not found');
  };
}
