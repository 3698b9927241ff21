import Type from 'typebox';
import { anyone } from '../auth/allow.js';
import { reply } from './json.js';
import type { AddRoute } from './routes.js';

/** What one part of the gateway says about itself: a word, such as `ok`, `down` or `lagging 12 s`. */
export type Check = { readonly ok: boolean; readonly detail: string };

/** How fit this process is to take traffic. */
export type Readiness = {
  /** Started completely and not about to stop. Only this decides about traffic. */
  readonly serving: boolean;
  readonly checks: Readonly<Record<string, Check>>;
};

export type HealthDeps = {
  readonly readiness: () => Readiness;
  readonly metricsText: () => Promise<string>;
};

const Status = Type.Object({ status: Type.String() });
const Ready = Type.Object({
  status: Type.String(), checks: Type.Record(Type.String(), Type.Object({ ok: Type.Boolean(), detail: Type.String() })),
});
const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * For whoever runs the gateway. A shared dependency that is down makes it `degraded`, not unready: all instances would
 * leave the load balancer together, and the gateway says 503 for itself where it must (reliability, Lifecycle).
 */
export function healthRoutes(add: AddRoute, { readiness, metricsText }: HealthDeps): void {
  add('GET', '/livez', anyone(), { summary: 'Is the process alive', replies: { 200: Status } }, (ctx) => {
    reply(ctx, 200, { status: 'ok' });
  });

  add('GET', '/readyz', anyone(), { summary: 'May this process get traffic', replies: { 200: Ready, 503: Ready } }, (ctx) => {
    const { serving, checks } = readiness();
    const fit = Object.values(checks).every(({ ok }) => ok) ? 'ok' : 'degraded';
    reply(ctx, serving ? 200 : 503, { status: serving ? fit : 'unavailable', checks });
  });

  add('GET', '/metrics', anyone(), {
    summary: 'Metrics for Prometheus', replies: { 200: Type.String({ contentMediaType: 'text/plain' }) },
  }, async (ctx) => {
    const text = await metricsText();
    ctx.type = PROMETHEUS_TEXT;
    ctx.body = text;
  });
}
