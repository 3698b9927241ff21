import type { Config } from '../config.js';
import { moneyIn } from '../credits/grants/money-in.js';
import { holdPrices } from '../credits/holds/hold-prices.js';
import { refusalRecorder } from '../credits/refusals/refusal-recorder.js';
import { addRefusals, readRefusals } from '../credits/refusals/refusal.table.js';
import { admitCaller } from '../credits/users/admit-caller.js';
import { profileWriter } from '../credits/users/profile-writer.js';
import { upsertProfiles } from '../credits/users/profile.table.js';
import { isBound } from '../edge/auth/issuers.js';
import { admission } from '../edge/http/admission.js';
import { operatorsBy, type Check, type Readiness } from '../edge/http/health.js';
import { answerWithin } from '../edge/http/answer-in-time.js';
import { closeServer, httpServer, listen } from '../edge/http/server.js';
import { traceRequests } from '../edge/http/trace-requests.js';
import { steadyClock, type Clock } from '../kit/clock.js';
import { IN_FLIGHT_MAX } from '../kit/limits.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import type { Opened } from '../kit/opened.js';
import type { Tracer } from '../kit/tracing/tracer.js';
import { answerWithinMs } from '../stores/postgres/connect.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import { composeAdministration } from './administration.js';
import { createApp } from './app.js';
import { composeAuthentication } from './authentication.js';
import { composeChatsparty } from './chatsparty.js';
import { composeConsole, type QueueSide } from './console.js';
import type { Core } from './core.js';
import { composeServerSide } from './credits-process.js';
import { composeLimits } from './limits.js';
import { composeNative } from './native.js';
import { composeOversight } from './oversight.js';
import { composeRates, withFillerLimits } from './rates.js';
import { composeReads } from './reads.js';
import { storeChecks } from './store-checks.js';
import { composeWebhooks } from './webhooks.js';

export type ApiDeps = {
  readonly config: Config;
  readonly core: Core;
  readonly databaseUrl: string;
  readonly queues: QueueSide;
  readonly clock: Clock;
  readonly version: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The metrics of all processes, where there are several. */
  readonly metricsText: () => Promise<string | Buffer>;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
  /** The state of the separate worker process; undefined where there is none. */
  readonly workerCheck: (() => Check | undefined) | undefined;
};

export type Api = {
  readonly port: number;
  readonly readiness: () => Readiness;
  /** Reports not ready, so that load balancers stop sending traffic; requests are still served. */
  retreat(): void;
};

/** Requests in flight get this long to finish when the gateway stops. */
const GRACE_MS = 10_000;
const MS_PER_SECOND = 1_000;

/** Opens the HTTP side and listens on the port. What it opens, `opened` closes: the port first. */
export async function openApi(
  { config, core: inner, databaseUrl, queues, clock, version, log, metrics, metricsText, tracer, workerCheck }: ApiDeps,
  opened: Opened,
): Promise<Api> {
  const rates = opened.add(composeRates({ config, redis: inner.redis, metrics }), (each) => { each.close(); });
  const core: Core = { ...inner, ledger: withFillerLimits(inner.ledger, rates) };
  const { ledger, db } = core;
  let isServing = false;

  const profiles = opened.add(profileWriter({
    write: (seen) => upsertProfiles(db, seen.map((profile) => ({ ...profile, seenAtMs: clock() }))),
    onError: (error) => { log.warn({ err: error }, 'profiles not written to Postgres; they stay queued'); },
  }), (each) => each.close());
  const refusals = opened.add(refusalRecorder({
    write: (refused) => addRefusals(db, refused),
    unrecorded: (count) => { metrics.count('refusalsUnrecorded', {}, count); },
    onError: (error) => { log.warn({ err: error }, 'refusals not written to Postgres; they stay queued'); },
  }), (each) => each.close());
  const money = moneyIn({ db, ledger });
  const admitted = admitCaller({
    db, ledger, moneyIn: money, profiles, clock, steadyClock, isJwksBound: config.auth.jwks !== undefined && isBound(config.auth.jwks),
    onError: (error) => { log.warn({ err: error }, 'a new user is not fully set up yet; the worker completes it'); },
  });
  const { authenticate, keysCheck } = composeAuthentication({ auth: config.auth, admitted, metrics, log });
  const administration = composeAdministration({ config, core, money, clock, log });
  const chatsparty = composeChatsparty({ core, money, clock, log, resolveAccount: administration.resolveAccount });
  const servers = opened.add(composeServerSide({ config, core, money, clock, log }), (each) => each.close());
  const readiness = (): Readiness => {
    const worker = workerCheck?.();
    const checks = {
      ...storeChecks(core),
      ...(keysCheck === undefined ? {} : { jwks: keysCheck() }),
      ...(worker === undefined ? {} : { worker }),
    };
    return { serving: isServing, checks };
  };
  const limits = opened.add(await composeLimits({ config, core, databaseUrl, clock, log }), ({ pools }) => pools.close());
  const oversight = composeOversight(core, log, clock);
  const webhooks = composeWebhooks({ core, config, clock });
  const operator = opened.add(composeConsole({
    core, queues, authenticate, oversight, metricsText,
    shares: { ...servers.administration, webhooks: webhooks.endpoints, deliveries: webhooks.deliveries },
    money: administration, policy: { overCapture: config.overCapture, debtLimit: config.debtLimit },
    readiness, idleSeconds: config.consoleIdleSeconds, clock, log,
  }), (each) => each.close());
  const busy = admission({
    timeoutMs: config.redisTimeoutMs, oldestCallMs: () => core.redis.oldestWaitMs(), expectedMs: () => core.redis.expectedMs(),
    inFlight: core.inFlight, inFlightMax: IN_FLIGHT_MAX,
    onRefused: (urgency) => { metrics.count('busyRefusals', { urgency }); },
  });
  metrics.onScrape('loopTurn', (set) => { set({}, busy.behind().turnMs / MS_PER_SECOND); });
  const app = createApp({
    log,
    metrics,
    authenticate,
    accounting: {
      ledger,
      tokenBook: core.prices.tokens,
      holdPrices: holdPrices(),
      leaseMs: config.holdTtlMs,
      overCapture: config.overCapture,
      debtLimit: config.debtLimit,
      clock,
      version,
      usageRecordMode: config.usageRecordMode,
      ...administration,
      creditProfile: chatsparty.creditProfile,
      ...composeReads(core, clock),
    },
    chatsparty: chatsparty.chatsparty,
    native: {
      ...composeNative({ config, core, money, clock, plans: chatsparty.plans, oversight, pools: limits.pools }),
      limits: limits.routes,
      webhooks,
    },
    refusals: {
      record: refusals.record,
      readRefusals: (query) => readRefusals(db, query).catch((error: unknown) => { throw toGatewayError(error); }),
    },
    servers,
    console: { ...operator.deps, failedLogin: rates.failed },
    health: { readiness, metricsText, mayOperate: operatorsBy(config.operations.token, 'no') },
    admission: busy,
    inTime: answerWithin(answerWithinMs(config.postgresTimeoutMs)),
    rates,
    trace: tracer === undefined ? undefined : traceRequests(tracer),
  });

  const server = httpServer(app, (reason) => { metrics.count('socketsClosed', { reason }); });
  const port = await listen(server, config.port, config.host);
  opened.add(server, (each) => {
    isServing = false;
    return closeServer(each, GRACE_MS);
  });
  isServing = true;
  return { port, readiness, retreat: () => { isServing = false; } };
}
