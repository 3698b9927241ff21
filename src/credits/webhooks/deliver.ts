import type { Clock } from '../../kit/clock.js';
import type { PostAnswer, SendPost } from '../../stores/outbound/post.js';
import type { Db } from '../../stores/postgres/connect.js';
import { claimDelivery, dueEndpoints, failOverdue, fanOut, recordAnswer, type DeliveryRow } from './delivery.table.js';
import { noteFailure, noteSuccess, readEndpoint, type EndpointRow } from './endpoint.table.js';
import { messageOf } from './event-message.js';
import { DELIVERY_LIFE_MS, DISABLED_AFTER_MS, nextAttemptMs } from './retry-plan.js';
import { signedHeaders } from './secrets.js';

export type DeliveryOutcome = 'delivered' | 'retry' | 'failed';

export type DeliverDeps = {
  readonly db: Db;
  readonly clock: Clock;
  readonly post: SendPost;
  /** From 0 to 1; spreads attempts. */
  readonly random: () => number;
  /** Called after each attempt. */
  readonly report?: (outcome: DeliveryOutcome) => void;
  /** Called when an endpoint was disabled because of its answers. */
  readonly disabled?: (endpointId: string) => void;
};

/** Longer than the longest attempt. */
const LEASE_MS = 60_000;
/** Deliveries of one run, so that a lane of a busy endpoint ends within the lock of its job. */
const RUN_MAX = 100;
const HTTP_GONE = 410;

/**
 * Sends what is due to an endpoint, one delivery after the other, until nothing is or an attempt fails. Several may run at
 * once. The row is what counts: a process that ends in between has sent an attempt at most, and it is repeated.
 */
export async function deliverDue(deps: DeliverDeps, endpointId: string): Promise<{ readonly delivered: number; readonly failed: number }> {
  let delivered = 0;
  while (delivered < RUN_MAX) {
    const delivery = await claimDelivery(deps.db, endpointId, deps.clock(), LEASE_MS);
    if (delivery === null) return { delivered, failed: 0 };
    const endpoint = await readEndpoint(deps.db, endpointId);
    if (endpoint === null) return { delivered, failed: 0 };
    if (await attempt(deps, endpoint, delivery) !== 'delivered') return { delivered, failed: 1 };
    delivered += 1;
  }
  return { delivered, failed: 0 };
}

async function attempt(deps: DeliverDeps, endpoint: EndpointRow, delivery: DeliveryRow): Promise<DeliveryOutcome> {
  const { db, clock, post, random, report, disabled } = deps;
  const beganMs = clock();
  const body = JSON.stringify(messageOf(delivery.event));
  const headers = signedHeaders(delivery.event.eventId, body, liveSecrets(endpoint, beganMs), beganMs);
  const posted = await post({ url: endpoint.url, headers, body });
  const nowMs = clock();
  const answer = { atMs: beganMs, durationMs: Math.max(0, nowMs - beganMs), ...told(posted) };
  const isDelivered = posted.status !== null && posted.status >= 200 && posted.status < 300;
  if (isDelivered) {
    await recordAnswer(db, delivery, answer, { state: 'delivered', nextAtMs: null, nowMs });
    await noteSuccess(db, endpoint.endpointId);
    report?.('delivered');
    return 'delivered';
  }
  const nextAtMs = nextAttemptMs({ attempts: delivery.attempts, nowMs, giveUpAtMs: delivery.giveUpAtMs, random: random() });
  const isGone = posted.status === HTTP_GONE;
  const outcome = nextAtMs === null || isGone ? 'failed' : 'retry';
  await recordAnswer(db, delivery, answer, { state: outcome === 'failed' ? 'failed' : 'pending', nextAtMs, nowMs });
  if (await noteFailure(db, endpoint.endpointId, { nowMs, disableBeforeMs: nowMs - DISABLED_AFTER_MS, isGone })) {
    disabled?.(endpoint.endpointId);
  }
  report?.(outcome);
  return outcome;
}

const liveSecrets = ({ secret, previousSecret, previousEndsAtMs }: EndpointRow, nowMs: number): string[] =>
  [secret, ...(previousSecret !== null && previousEndsAtMs !== null && previousEndsAtMs > nowMs ? [previousSecret] : [])];

const told = (posted: PostAnswer) => (posted.status === null
  ? { status: null, body: null, problem: posted.problem } : { status: posted.status, body: posted.body, problem: null });

export type SweepWebhooksDeps = {
  readonly db: Db;
  readonly clock: Clock;
  /** Starts runs of `deliverDue`, `lanes` at once. A run that is lost is started again by the next sweep. */
  readonly start: (endpointId: string, lanes: number) => Promise<void>;
};

const FAN_OUT_EVENTS = 1_000;
const FAN_OUT_BATCHES = 20;
/** Runs at once for one endpoint: more for one with much to do, one for an endpoint that fails. */
const LANES_MAX = 4;
const DUE_PER_LANE = 10;

/** Makes deliveries of new events, and starts a run for every endpoint with deliveries that are due. */
export async function sweepWebhooks(
  { db, clock, start }: SweepWebhooksDeps,
): Promise<{ readonly events: number; readonly endpoints: number }> {
  let events = 0;
  for (let batch = 0; batch < FAN_OUT_BATCHES; batch += 1) {
    const found = await db.transaction((trx) => fanOut(trx, { nowMs: clock(), lifeMs: DELIVERY_LIFE_MS, limit: FAN_OUT_EVENTS }));
    events += found;
    if (found < FAN_OUT_EVENTS) break;
  }
  await failOverdue(db, clock());
  const endpoints = await dueEndpoints(db, clock(), LANES_MAX * DUE_PER_LANE);
  for (const { endpointId, isFailing, due } of endpoints) {
    await start(endpointId, isFailing ? 1 : Math.min(LANES_MAX, Math.ceil(due / DUE_PER_LANE)));
  }
  return { events, endpoints: endpoints.length };
}
