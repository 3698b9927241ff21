import { Router } from '@koa/router';
import type { TSchema } from 'typebox';
import type { ErrorCode } from '../../kit/errors.js';
import { BODY_BYTES_MAX } from '../../kit/limits.js';
import type { Metrics, Observe } from '../../kit/metrics/metrics.js';
import type { NativeCaller, Principal, ServerCaller } from '../../kit/principal.js';
import { type CallersGate, type Gate, type PrivateGate, type ServerKeyGate } from '../auth/allow.js';
import type { Authenticate } from '../auth/bearer.js';
import type { AuthenticateServer } from '../auth/server-key.js';
import { countFailures } from '../rates/count-failures.js';
import type { Rates } from '../rates/rates.js';
import type { Admission, Urgency } from './admission.js';
import { answerWhenDone, type InTime } from './answer-in-time.js';
import { readBody } from './body.js';
import type { GatewayContext, MatchedRoute, Middleware, PathParams, RequestState } from './context.js';
import { exactRoutes } from './exact-routes.js';
import type { Envelope, Failure, Wording } from './failure.js';
import { admission, nameAccount, nameNativeAccount, ofHeader, type Credentials } from './gatekeeper.js';
import { assertKnownQuery } from './query-fields.js';
import { assertReadableUrl } from './readable-url.js';
import type { Parser } from './schema.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Schemas by name. `Type.Optional` marks what may be left out; a path parameter never may. */
export type Fields = Readonly<Record<string, TSchema>>;

/**
 * What a route says about itself, for its callers and for the document that describes it. The handler reads `params`,
 * `query` and `headers` itself; that it does so as declared here is what `test/edge/http/fuzz.test.ts` finds out.
 */
export type RouteSpec<Body> = {
  readonly summary: string;
  readonly params?: Fields;
  readonly query?: Fields;
  readonly headers?: Fields;
  /** Absent: the route reads no body. */
  readonly body?: Parser<Body>;
  /** The largest body; without it BODY_BYTES_MAX. */
  readonly bodyBytesMax?: number;
  /** By status. A string is sent as its `contentMediaType`, by default plain text; a null has no body. */
  readonly replies: Readonly<Record<number, TSchema>>;
  /** Other media types of the 200, which `Accept` asks for. */
  readonly alsoAs?: Fields;
  /** How the work itself may fail. What the gate, the body and the parameters refuse goes without saying. */
  readonly errors?: readonly ErrorCode[];
  readonly wording?: Wording;
  /** A repeat gets the first answer, marked `Idempotency-Replayed`. */
  readonly replays?: boolean;
  /** A write that changes nothing, or that is known by what it is about, so that a repeat needs no memory of its Idempotency-Key. */
  readonly isRepeatable?: boolean;
  /** What it answers has an `ETag`. */
  readonly hasEtag?: boolean;
  /** What it is for, where that decides when it is refused because the process is behind (admission.ts). Without it: `other`. */
  readonly urgency?: Urgency;
  /** Bounds the time of its work itself. */
  readonly takesLong?: boolean;
  /** What watches the gateway: never refused for asking too often. */
  readonly isProbe?: boolean;
};

/** One line of the route table. */
export type Route = {
  readonly method: Method;
  readonly path: string;
  readonly gate: Gate;
  readonly summary: string;
  readonly params: Fields;
  readonly query: Fields;
  readonly headers: Fields;
  readonly body: TSchema | null;
  readonly bodyBytesMax: number;
  readonly replies: Readonly<Record<number, TSchema>>;
  readonly alsoAs: Fields;
  readonly errors: readonly ErrorCode[];
  readonly wording: Wording;
  readonly replays: boolean;
  readonly hasEtag: boolean;
  readonly isProbe: boolean;
  /** Query parameters that are not in `query` are refused. */
  readonly strictQuery: boolean;
  /** Undefined: the application's. */
  readonly envelope: Envelope | undefined;
  /** Undefined: part of the API. */
  readonly page: PageRules | undefined;
  readonly observe: Observe;
};

/** The arguments of a handler besides Koa's context: the principal (none behind `anyone()`) and the parsed body. */
export type Call<G extends Gate, Body> = {
  readonly principal: G extends PrivateGate ? Principal
    : G extends ServerKeyGate ? ServerCaller : G extends CallersGate ? NativeCaller : null;
  readonly body: Body;
};

/** Adds a route. The gate is a parameter of its own so that every route line shows who may call it. */
export type AddRoute = <const G extends Gate, Body = undefined>(
  method: Method,
  path: string,
  gate: G,
  spec: RouteSpec<Body>,
  handler: (ctx: GatewayContext, call: Call<G, Body>) => void | Promise<void>,
) => void;

export type RouteTable = {
  readonly add: AddRoute;
  /** Adds routes of another dialect: failures in its words, tokens in its spelling. */
  readonly dialect: (own: DialectRules) => AddRoute;
  /** Adds pages for people: they are no part of the API, and the document that describes it leaves them out. */
  readonly pages: (own: PageRules) => AddRoute;
  /** Everything that was added, in order. */
  readonly routes: readonly Route[];
  /**
   * The route of this path if it refuses its requests now, because the process is behind; the refusal is counted. Undefined: it takes
   * them on, or what comes before its refusal has yet to be asked.
   */
  readonly refusing: (method: string, path: string) => MatchedRoute | undefined;
  /** The methods that a path answers, for `Allow`; none for an unknown path. */
  readonly methodsOf: (path: string) => readonly string[];
  readonly middleware: () => Middleware;
};

/** What a dialect does its own way; the rest is the application's. */
export type DialectRules = {
  readonly envelope: Envelope;
  readonly authenticate?: Authenticate;
  /** Refuses query parameters that a route does not declare. Without it they are ignored, as the legacy APIs do. */
  readonly strictQuery?: boolean;
};

/** What pages for people do their own way, because a browser sends no Authorization header and no JSON, and shows none. */
export type PageRules = {
  /** What `authenticate` is shown instead of the header. May refuse the request. */
  readonly credentials: Credentials;
  readonly readBody: (ctx: GatewayContext, bytesMax: number) => Promise<unknown>;
  readonly fail: (ctx: GatewayContext, failure: Failure) => void;
};

export type RouteAdmission = Pick<Admission, 'assertAdmits' | 'refuses' | 'wouldRefuse'>;

export type RouteTableDeps = {
  readonly authenticate: Authenticate;
  /** For routes behind `serverKey`. */
  readonly authenticateServer?: AuthenticateServer;
  readonly metrics: Pick<Metrics, 'http'>;
  /** Refuses what comes to a process that is behind. Left out: everything is taken on. */
  readonly admission?: RouteAdmission | undefined;
  /** Left out: answers have no deadline. */
  readonly inTime?: InTime | undefined;
  /** Limits of rates. Left out: none. */
  readonly rates?: Pick<Rates, 'known' | 'unknown' | 'failed'> | undefined;
};

/** `urgency`: null where it is never refused because the process is behind. */
type Handler = { readonly route: Route; readonly urgency: Urgency | null; readonly handle: (ctx: GatewayContext) => Promise<void> };

/**
 * The one way to register a route. Each becomes a single handler (authenticate, gate, body, work), reached without a router
 * when its path is spelled exactly (exact-routes.ts). @koa/router has the same handlers, and decides the rest.
 */
export function routeTable({
  authenticate, authenticateServer, metrics, admission: busy, inTime = answerWhenDone, rates,
}: RouteTableDeps): RouteTable {
  const router = new Router<RequestState, PathParams>();
  const routes: Route[] = [];
  const exact = exactRoutes<Handler>();

  const adding = (own: Partial<DialectRules>, page?: PageRules): AddRoute => (method, path, gate, spec, handler) => {
    const {
      summary, params = {}, query = {}, headers = {}, body, replies, alsoAs = {}, errors = [], wording = {}, replays = false,
      hasEtag = false, urgency = 'other', takesLong = false, isProbe = false,
      bodyBytesMax = BODY_BYTES_MAX,
    } = spec;
    const route: Route = {
      method, path, gate, summary, params, query, headers, body: body?.schema ?? null, bodyBytesMax, replies, alsoAs, errors,
      wording, replays, hasEtag, isProbe, strictQuery: own.strictQuery ?? false,
      envelope: own.envelope, page, observe: metrics.http.route(method, path),
    };
    const admit = admission(gate, {
      authenticate: own.authenticate ?? authenticate, authenticateServer, credentials: page?.credentials ?? ofHeader,
      counted: page === undefined ? (ctx, caller) => rates?.known(ctx, caller, method !== 'GET' && urgency !== 'end') : () => undefined,
    });
    const read = page?.readBody ?? readBody;
    const handle = async (ctx: GatewayContext): Promise<void> => {
      ctx.state.route = route;
      assertReadableUrl(ctx);
      // Probes, metrics and pages for operators are wanted most when there is too much of everything else.
      if (gate.kind !== 'public' && page === undefined) busy?.assertAdmits(urgency);
      if (gate.kind === 'public' && page === undefined && !isProbe) rates?.unknown(ctx);
      const principal = await countFailures(() => admit(ctx), rates && ((error) => rates.failed(ctx, error)));
      if (route.strictQuery) assertKnownQuery(ctx, query);
      const sent = body === undefined ? undefined : await read(ctx, bodyBytesMax);
      if (gate.kind === 'server-key') nameAccount(ctx, sent);
      if (gate.kind === 'callers') nameNativeAccount(ctx, principal as NativeCaller, sent);
      const parsed = body?.parse(sent);
      // The compiler cannot follow that `principal` is null exactly for a public gate, nor an absent body parser.
      const work = () => handler(ctx, { principal, body: parsed } as Parameters<typeof handler>[1]);
      await (takesLong || gate.kind === 'public' ? work() : inTime(method, work));
    };
    routes.push(route);
    router.register(path, [method], handle);
    exact.add(method, path, { route, urgency: gate.kind !== 'public' && page === undefined ? urgency : null, handle });
  };

  return {
    add: adding({}),
    dialect: (own) => adding(own),
    pages: (own) => adding({}, own),
    routes,
    refusing: (method, path) => {
      if (busy?.wouldRefuse('begin') !== true) return undefined;
      const { route, urgency = null } = exact.find(method, path)?.handle ?? {};
      return urgency !== null && busy.wouldRefuse(urgency) && busy.refuses(urgency) ? route : undefined;
    },
    methodsOf: (path) => [...new Set(router.match(path, '').path.flatMap(({ methods }) => methods))].sort(),
    middleware: () => {
      const dispatch = router.routes() as unknown as Middleware;
      return (ctx, next) => {
        const found = exact.find(ctx.method, ctx.path);
        if (found === undefined) return dispatch(ctx, next) as Promise<void>;
        (ctx as { params?: PathParams['params'] }).params = found.params;
        return found.handle.handle(ctx);
      };
    },
  };
}
