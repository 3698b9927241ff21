import type { RefusedRequest } from '../credits/refusals/refusal.js';
import { accountingEnvelope } from '../edge/accounting-service/envelope.js';
import { accountingRoutes, type AccountingDeps } from '../edge/accounting-service/routes.js';
import type { Authenticate } from '../edge/auth/bearer.js';
import type { AuthenticateServer } from '../edge/auth/server-key.js';
import { orBareToken } from '../edge/chatsparty/bare-token.js';
import { chatspartyEnvelope } from '../edge/chatsparty/envelope.js';
import { chatspartyRoutes, type ChatspartyDeps } from '../edge/chatsparty/routes.js';
import { consoleRoutes, consoleRules, type ConsoleDeps } from '../edge/console/console.routes.js';
import { creditsProcessEnvelope } from '../edge/credits-process/envelope.js';
import { creditsProcessRoutes, type CreditsProcessDeps } from '../edge/credits-process/routes.js';
import { answerWhenDone, type InTime } from '../edge/http/answer-in-time.js';
import type { GatewayContext, Middleware } from '../edge/http/context.js';
import { earlyRefusal } from '../edge/http/early-refusal.js';
import type { Envelope } from '../edge/http/failure.js';
import { healthRoutes, type HealthDeps } from '../edge/http/health.js';
import { koaApp, type App } from '../edge/http/koa-app.js';
import { problemEnvelope } from '../edge/http/problem.js';
import { failing } from '../edge/http/error-boundary.js';
import type { IdOf } from '../edge/http/request-id.js';
import { tellRefusal, type TellRefusal } from '../edge/http/refusals.js';
import { routeTable, type Route, type RouteAdmission } from '../edge/http/routes.js';
import { countFailures } from '../edge/rates/count-failures.js';
import type { Rates } from '../edge/rates/rates.js';
import { docsRoutes } from '../edge/openapi/docs.routes.js';
import { featureRoutes, type FeatureRouteDeps } from '../edge/v1/feature.routes.js';
import type { RefusalRouteDeps } from '../edge/v1/refusal.routes.js';
import { keepingReasons } from '../edge/v1/reasons.js';
import { nativeRoutes, type NativeDeps } from '../edge/v1/routes.js';
import { serverKeyRoutes, type ServerKeyRouteDeps } from '../edge/v1/server-key.routes.js';
import { GatewayError } from '../kit/errors.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';

export type AppDeps = {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'http' | 'count'>;
  readonly authenticate: Authenticate;
  readonly accounting: AccountingDeps;
  readonly chatsparty: ChatspartyDeps;
  /** The parts of `/v1`; `refusals`, `apiKeys` and the clock are added here. */
  readonly native: Omit<NativeDeps, 'clock' | 'refusals' | 'apiKeys' | 'batch'>;
  /** Records refused requests and lists them. Left out by the same tests. */
  readonly refusals?: RefusalRouteDeps & { readonly record: (refused: RefusedRequest) => void };
  /** The routes for servers with a key, and their settings. Left out by tests of the other dialects. */
  readonly servers?: ServerSideDeps;
  /** The operator console. Left out by tests of the API. */
  readonly console?: ConsoleDeps;
  readonly health: HealthDeps;
  /** Refuses requests while the process is overloaded. Left out by tests of the HTTP side. */
  readonly admission?: RouteAdmission;
  /** The deadline of answers. Left out by the same tests. */
  readonly inTime?: InTime;
  /** Limits of rates. Left out by the same tests. */
  readonly rates?: Pick<Rates, 'known' | 'unknown' | 'failed'>;
  /** The outermost middleware, where requests are traced. */
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
  const table = allRoutes(deps, onRefused);
  // A traced request has a span, also where it is refused.
  const early = trace !== undefined ? undefined
    : (idOf: IdOf) => earlyRefusal({ refusing: table.refusing, idOf, metrics, envelopeAt });
  const envelope = (ctx: GatewayContext): Envelope => envelopeAt(ctx.path);
  return koaApp({ log, metrics, envelope, trace, onRefused, early }, table.middleware(), notFound(deps, table.methodsOf));
}

/** Every route of the gateway with its gate and its schemas: the input of the documentation and of the gate test. */
export const listRoutes = (deps: AppDeps): readonly Route[] => allRoutes(deps, () => undefined).routes;

function allRoutes(deps: AppDeps, onRefused: TellRefusal): ReturnType<typeof routeTable> {
  const table = routeTable({
    authenticate: deps.authenticate, metrics: deps.metrics, admission: deps.admission, inTime: deps.inTime, rates: deps.rates,
    ...(deps.servers === undefined ? {} : { authenticateServer: deps.servers.authenticateServer }),
  });
  healthRoutes(table.add, deps.health);
  accountingRoutes(table.add, deps.accounting);
  chatspartyRoutes(table.dialect({ envelope: chatspartyEnvelope, authenticate: orBareToken(deps.authenticate) }), deps.chatsparty);
  nativeRoutes(table.dialect({ envelope: problemEnvelope, strictQuery: true }), {
    ...deps.native, clock: deps.accounting.clock,
    batch: {
      fail: failing(deps.log), inTime: deps.inTime ?? answerWhenDone,
      refused: (ctx) => { if (ctx.state.refused !== undefined) onRefused(ctx, ctx.state.refused); },
    },
    ...(deps.refusals === undefined ? {} : { refusals: deps.refusals }),
    ...(deps.servers === undefined ? {} : { apiKeys: deps.servers.administration }),
  });
  if (deps.servers !== undefined) {
    creditsProcessRoutes(table.dialect({ envelope: creditsProcessEnvelope }), deps.servers.creditsProcess);
    // Older than the rule that operators say why.
    const configure = keepingReasons(table.add, deps.native.keepChange, { mustSay: false });
    serverKeyRoutes(configure, deps.servers.administration);
    featureRoutes(configure, deps.servers.administration);
  }
  if (deps.console !== undefined) consoleRoutes(table.pages(consoleRules(deps.console)), deps.console);
  docsRoutes(table.add, { routes: table.routes, version: deps.accounting.version, envelope: accountingEnvelope });
  return table;
}

const isNative = (path: string): boolean => /^\/v1(\/|$)/i.test(path);

/** Failures of paths without a route: below `/v1` in its words, elsewhere in those of the accounting service. */
const envelopeAt = (path: string): Envelope => (isNative(path) ? problemEnvelope : accountingEnvelope);

/** For unknown paths below these the original asks for a token before it answers 404 (docs/contracts/accounting-service.md#endpoints). */
const GUARDED = ['/api/credits/', '/credits/', '/api/streaming-sessions/', '/api/usage/'];

/**
 * Answers what no route did. Below `/v1`, a known path with an unknown method is 405; elsewhere 404, because the originals
 * do so and callers depend on it.
 */
function notFound({ authenticate, rates }: AppDeps, methodsOf: (path: string) => readonly string[]): Middleware {
  return async (ctx) => {
    rates?.unknown(ctx);
    const path = `${ctx.path.toLowerCase()}/`;
    if (GUARDED.some((prefix) => path.startsWith(prefix))) {
      const caller = await countFailures(
        () => authenticate(ctx.req.headers.authorization), rates && ((error) => rates.failed(ctx, error)),
      );
      ctx.state.accountId = caller.accountId;
    }
    const methods = isNative(ctx.path) ? methodsOf(ctx.path) : [];
    if (methods.length > 0) {
      ctx.set('Allow', methods.join(', '));
      throw new GatewayError('method_not_allowed', `This path has no ${ctx.method}`);
    }
    throw new GatewayError('not_found', 'Not found');
  };
}
