import Type from 'typebox';
import { createHash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../../kit/errors.js';
import { anyone } from '../auth/allow.js';
import type { GatewayContext } from './context.js';
import { reply } from './json.js';
import type { AddRoute } from './routes.js';

/** The state of one part of the gateway: a short text, such as `ok`, `down` or `lagging 12 s`. */
export type Check = { readonly ok: boolean; readonly detail: string };

/** Whether this process can take traffic. */
export type Readiness = {
  /** Started completely and not about to stop. Only this decides about traffic. */
  readonly serving: boolean;
  readonly checks: Readonly<Record<string, Check>>;
};

/** Whether a request may see what is for operators: `no` hides that there is anything, `unknown` asks for the token. */
export type MayOperate = (ctx: GatewayContext) => 'yes' | 'no' | 'unknown';

export type HealthDeps = {
  readonly readiness: () => Readiness;
  readonly metricsText: () => Promise<string | Buffer>;
  readonly mayOperate: MayOperate;
};

const Status = Type.Object({ status: Type.String() });
const Ready = Type.Object({
  status: Type.String(),
  checks: Type.Optional(Type.Record(Type.String(), Type.Object({ ok: Type.Boolean(), detail: Type.String() }))),
});
const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Probes and metrics. A shared dependency that is down makes the process `degraded`, not unready: otherwise all instances
 * would leave the load balancer at once, and the gateway answers 503 itself where it must (docs/reliability.md#lifecycle).
 * Probes answer anyone in one word; the checks behind it and the metrics are for operators.
 */
export function healthRoutes(add: AddRoute, { readiness, metricsText, mayOperate }: HealthDeps): void {
  add('GET', '/livez', anyone(), { isProbe: true, summary: 'Whether the process is alive', replies: { 200: Status } }, (ctx) => {
    reply(ctx, 200, { status: 'ok' });
  });

  add('GET', '/readyz', anyone(), {
    isProbe: true, summary: 'Whether the process is ready for traffic', replies: { 200: Ready, 503: Ready },
  }, (ctx) => {
    const { serving, checks } = readiness();
    const fit = Object.values(checks).every(({ ok }) => ok) ? 'ok' : 'degraded';
    reply(ctx, serving ? 200 : 503, { status: serving ? fit : 'unavailable', ...mayOperate(ctx) === 'yes' && { checks } });
  });

  add('GET', '/metrics', anyone(), {
    isProbe: true, summary: 'Metrics for Prometheus', replies: { 200: Type.String({ contentMediaType: 'text/plain' }) },
    errors: ['not_found', 'unauthenticated'],
  }, async (ctx) => {
    const may = mayOperate(ctx);
    if (may === 'no') throw new GatewayError('not_found', 'Not found');
    if (may === 'unknown') throw new GatewayError('unauthenticated', 'Metrics need the operations token');
    const text = await metricsText();
    ctx.type = PROMETHEUS_TEXT;
    ctx.body = text;
  });
}

/** By the token of operations, `Authorization: Bearer`. `others`: what callers without a token may do where none is configured. */
export function operatorsBy(token: string | undefined, others: 'yes' | 'no'): MayOperate {
  if (token === undefined) return () => others;
  const wanted = digest(`Bearer ${token}`);
  // Digests have one length, and comparing them tells nothing about the token.
  return ({ req }) => (timingSafeEqual(digest(req.headers.authorization ?? ''), wanted) ? 'yes' : 'unknown');
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
