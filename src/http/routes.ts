import { Router } from '@koa/router';
import type { TSchema } from 'typebox';
import { assertAllowed, type Gate, type PrivateGate, type PublicGate } from '../auth/allow.js';
import type { Authenticate } from '../auth/bearer.js';
import type { Principal } from '../auth/principal.js';
import type { Metrics, Observe } from '../metrics/metrics.js';
import { readBody } from './body.js';
import type { GatewayContext, Middleware, PathParams, RequestState } from './context.js';
import type { Envelope, Wording } from './error-boundary.js';
import type { Parser } from './schema.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a route says about itself, for its callers and for the document that describes it. */
export type RouteSpec<Body> = {
  readonly summary: string;
  /** Absent: the route reads no body. */
  readonly body?: Parser<Body>;
  readonly replies: Readonly<Record<number, TSchema>>;
  readonly wording?: Wording;
};

/** One line of the route table. */
export type Route = {
  readonly method: Method;
  readonly path: string;
  readonly gate: Gate;
  readonly summary: string;
  readonly body: TSchema | null;
  readonly replies: Readonly<Record<number, TSchema>>;
  readonly wording: Wording;
  /** Undefined: the application's. */
  readonly envelope: Envelope | undefined;
  readonly observe: Observe;
};

/** What a handler is called with, besides Koa's context: who calls (nobody behind `anyone()`) and the parsed body. */
export type Call<G extends Gate, Body> = { readonly principal: G extends PrivateGate ? Principal : null; readonly body: Body };

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
  /** Everything that was added, in order. */
  readonly routes: readonly Route[];
  readonly middleware: () => Middleware;
};

export type RouteTableDeps = {
  readonly authenticate: Authenticate;
  readonly metrics: Pick<Metrics, 'http'>;
  /** For routes of another dialect than the application's own. */
  readonly envelope?: Envelope;
};

/**
 * The one way to register a route. Each becomes a single handler (authenticate, gate, body, work), reached through a
 * Map when its path has no parameters: matching and composing per request is what a router costs, and the busiest
 * routes do not need it. @koa/router has the same handlers, and decides whatever is not spelled exactly.
 */
export function routeTable({ authenticate, metrics, envelope }: RouteTableDeps): RouteTable {
  const router = new Router<RequestState, PathParams>();
  const routes: Route[] = [];
  const exact = new Map<string, (ctx: GatewayContext) => Promise<void>>();

  const add: AddRoute = (method, path, gate, spec, handler) => {
    const { summary, body, replies, wording = {} } = spec;
    const route: Route = { method, path, gate, summary, body: body?.schema ?? null, replies, wording, envelope, observe: metrics.http.route(method, path) };
    const handle = async (ctx: GatewayContext): Promise<void> => {
      ctx.state.route = route;
      const principal = gate.kind === 'public' ? null : await admit(authenticate, gate, ctx);
      const parsed = body === undefined ? undefined : body.parse(await readBody(ctx));
      // The compiler cannot follow that `principal` is null exactly for a public gate, nor an absent body parser.
      await handler(ctx, { principal, body: parsed } as Parameters<typeof handler>[1]);
    };
    routes.push(route);
    router.register(path, [method], handle);
    if (!path.includes(':')) exact.set(`${method} ${path}`, handle);
  };

  return {
    add,
    routes,
    middleware: () => {
      const dispatch = router.routes() as unknown as Middleware;
      return (ctx, next) => exact.get(`${ctx.method} ${ctx.path}`)?.(ctx) ?? (dispatch(ctx, next) as Promise<void>);
    },
  };
}

/** The caller, once her token and her role have been accepted; a remembered token costs no waiting. */
function admit(authenticate: Authenticate, gate: Exclude<Gate, PublicGate>, ctx: GatewayContext): Principal | Promise<Principal> {
  const principal = authenticate(ctx.req.headers.authorization);
  if (!(principal instanceof Promise)) {
    assertAllowed(gate, principal);
    return principal;
  }
  return principal.then((verified) => {
    assertAllowed(gate, verified);
    return verified;
  });
}
