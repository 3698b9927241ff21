/**
 * `npm run verify:observability`: a real gateway under load, a real Prometheus with the configuration and the rules that
 * ship, and every question that a dashboard or a rule asks, asked. Ends with exit code 1 and a list when one of them has
 * no answer, or when a fault does not become an alert. Everything it starts is thrown away.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGatewayProcess, type GatewayProcess } from '../../bench/processes.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { findPrometheus, startPrometheus, type RunningPrometheus } from '../../test/support/prometheus.js';
import { temporaryFolder, throwawayPostgres, throwawayRedis, type TestRedis, type TestServer } from '../../test/support/servers.js';
import { breakBalance, breakPostgres, isActive, killWorkers } from './faults.js';
import { RUNBOOK_URL, startPaging, type Paging } from './paging.js';
import { prometheusApi, type PrometheusApi } from './prometheus-api.js';
import { writePrometheusConfig } from './prometheus-config.js';
import { askEverything } from './questions.js';
import { FROZEN, startTraffic, type Traffic } from './traffic.js';
import { becomes, say } from './wait.js';

/** Prometheus looks for its targets five seconds after it began; rates need some scrapes more. */
const LOAD_SECONDS = 45;
/** A Redis that is frozen for longer than the gateway's deadline leaves outcomes unknown. */
const FREEZE_MS = 600;
const FREEZES_AT_SECONDS = [12, 24];
/** A scrape may fail on a busy machine; the next one does not. */
const SCRAPE_SECONDS = 60;
const NAMESPACE = 'cg';

type Stage = {
  readonly redis: TestRedis; readonly postgres: TestServer; readonly gateway: GatewayProcess; readonly traffic: Traffic;
  readonly paging: Paging;
};

async function verify(api: PrometheusApi, { redis, postgres, gateway, traffic, paging }: Stage): Promise<string[]> {
  say(`load for ${LOAD_SECONDS} s, in which Redis is frozen twice for ${FREEZE_MS} ms ...`);
  for (let second = 1; second <= LOAD_SECONDS; second += 1) {
    await sleep(1_000);
    if (!FREEZES_AT_SECONDS.includes(second)) continue;
    await redis.kill('SIGSTOP');
    await sleep(FREEZE_MS);
    await redis.kill('SIGCONT');
  }
  for (const [kind, count] of [...traffic.answers].sort(([a], [b]) => a.localeCompare(b))) say(`        ${kind}: ${count}`);
  const wrong = await becomes(api.isScraping, SCRAPE_SECONDS) ? [] : ['a target is not scraped'];
  say('the balance of an account is changed in Redis ...');
  wrong.push(...await breakBalance(api, redis.operatorUrl, FROZEN));
  wrong.push(...await askEverything(api));
  say(`active alerts: ${(await activeAlerts(api)).join(', ') || 'none'}`);
  say('the worker process is killed, again and again ...');
  wrong.push(...await killWorkers(api, gateway.pid), ...await breakPostgres(api, paging, postgres));
  return wrong;
}

const activeAlerts = async (api: PrometheusApi): Promise<string[]> =>
  [...new Set((await api.rules()).filter(isActive).map(({ name, severity, state }) => `${name} (${severity}, ${String(state)})`))];

async function main(): Promise<boolean> {
  const programs = await findPrometheus();
  if (typeof programs === 'string') {
    say(`not verified: ${programs}`);
    return false;
  }
  const folder = await temporaryFolder();
  const servers: TestServer[] = [];
  let gateway: GatewayProcess | undefined;
  let prometheus: RunningPrometheus | undefined;
  let traffic: Traffic | undefined;
  const paging = await startPaging(folder);
  if (typeof paging === 'string') {
    say(`not verified: ${paging}`);
    folder.remove();
    return false;
  }
  try {
    say('starting Redis, Postgres, the gateway and Prometheus ...');
    const redis = await throwawayRedis({ maxmemory: '512mb' });
    servers.push(redis);
    const postgres = await throwawayPostgres();
    servers.push(postgres);
    await migrate(postgres.ownerUrl);
    const [secret, serverKey] = [randomBytes(32).toString('hex'), randomBytes(24).toString('hex')];
    // Debt that reaches its limit, and leases that end within the run.
    gateway = await startGatewayProcess('all', {
      REDIS_URL: redis.url, DATABASE_URL: postgres.url, REDIS_NAMESPACE: NAMESPACE, JWT_ACCESS_SECRET: secret, SERVER_API_KEYS: serverKey,
      DEBT_LIMIT: '5', HOLD_TTL_SECONDS: '5', LOG_LEVEL: 'info',
    }, [], { quiet: true });
    prometheus = await startPrometheus(programs, folder, writePrometheusConfig(
      folder, [`127.0.0.1:${gateway.operationsPort}`], { alertmanager: paging.address, runbook: RUNBOOK_URL },
    ));
    traffic = await startTraffic({ url: `http://127.0.0.1:${gateway.port}`, redisUrl: redis.url, namespace: NAMESPACE, secret, serverKey });
    const wrong = await verify(prometheusApi(prometheus.url), { redis, postgres, gateway, traffic, paging });
    say(wrong.length === 0
      ? '\nevery question has an answer, and every fault became an alert, and the page was taken back'
      : `\n${wrong.length} wrong:\n${wrong.map((each) => `  - ${each}`).join('\n')}`);
    return wrong.length === 0;
  } finally {
    await traffic?.stop();
    await prometheus?.stop();
    await paging.stop();
    await gateway?.stop();
    await Promise.all(servers.map((server) => server.discard()));
    folder.remove();
  }
}

process.once('SIGINT', () => { say('interrupted: cleaning up ...'); }); // who cleans up is test/support/servers.ts
process.exitCode = await main() ? 0 : 1;
