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
import { temporaryFolder, throwawayPostgres, throwawayRedis, type TestServer } from '../../test/support/servers.js';
import { whyEmpty } from './allowed-empty.js';
import { alertExpressions, dashboardExpressions, type Expression } from './expressions.js';
import { RUNBOOK_URL, startPaging, type Paging } from './paging.js';
import { prometheusApi, type PrometheusApi } from './prometheus-api.js';
import { writePrometheusConfig } from './prometheus-config.js';
import { startTraffic, type Traffic } from './traffic.js';

/** Prometheus looks for its targets five seconds after it began; rates need some scrapes more. */
const LOAD_SECONDS = 45;
/** A Redis that is frozen for longer than the gateway's deadline leaves outcomes unknown. */
const FREEZE_MS = 600;
const FREEZES_AT_SECONDS = [12, 24];
/** What must notice that Postgres is gone, and how long that may take: until it is pending, not until it fires. */
const FAULT_ALERTS = ['PostgresDown', 'JournalLag', 'DrainFailing'];
const FAULT_SECONDS = 60;
const NAMESPACE = 'cg';

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** Asks everything. Answers what is wrong. */
async function askEverything(api: PrometheusApi): Promise<string[]> {
  const wrong: string[] = [];
  const { expressions, labels } = dashboardExpressions();
  if (expressions.length === 0) wrong.push('there are no dashboards in grafana/dashboards');
  const line = (verdict: string, where: string, rest: string): void => { say(`${verdict.padEnd(8)}${where.padEnd(72)} ${rest}`); };
  const ask = async ({ where, expr, isEventful }: Expression): Promise<void> => {
    const answer = await api.query(expr);
    if (!('problem' in answer)) {
      line('ok', where, `${Number(answer.number.toPrecision(4))}${answer.series > 1 ? `, ${answer.series} series` : ''}`);
      return;
    }
    const isEmpty = answer.problem === 'no series' || answer.problem === 'no number';
    const reason = isEmpty ? (isEventful ? 'nothing happens now' : whyEmpty(expr)) : undefined;
    if (reason === undefined) wrong.push(`${where}: ${answer.problem}\n      ${expr}`);
    line(reason === undefined ? 'WRONG' : 'empty', where, reason ?? answer.problem);
  };
  for (const each of [...expressions, ...alertExpressions()]) await ask(each);
  for (const { where, selector, label } of labels) {
    const values = await api.labelValues(selector, label);
    if (values.length === 0) wrong.push(`${where}: ${selector} has no ${label}`);
    line(values.length === 0 ? 'WRONG' : 'ok', where, values.slice(0, 5).join(', '));
  }
  for (const { name, severity, health, lastError } of await api.rules()) {
    if (health !== 'ok' || lastError !== '') wrong.push(`rule ${name} ${severity}: ${health} ${lastError}`);
  }
  return wrong;
}

const activeAlerts = async (api: PrometheusApi): Promise<string[]> =>
  [...new Set((await api.rules()).filter(({ state }) => state === 'pending' || state === 'firing').map(({ name, severity, state }) =>
    `${name} (${severity}, ${String(state)})`))];

/** Takes Postgres away and waits for the alerts that must notice. Answers those that did not. */
async function breakPostgres(api: PrometheusApi, postgres: TestServer): Promise<string[]> {
  await postgres.kill('SIGKILL');
  const startedAt = performance.now();
  let missing = FAULT_ALERTS;
  while (missing.length > 0 && performance.now() - startedAt < FAULT_SECONDS * 1_000) {
    await sleep(1_000);
    const active = (await api.rules()).filter(({ state }) => state === 'pending' || state === 'firing').map(({ name }) => name);
    const noticed = missing.filter((name) => active.includes(name));
    missing = missing.filter((name) => !active.includes(name));
    for (const name of noticed) {
      say(`        ${name} is pending ${Math.round((performance.now() - startedAt) / 1_000)} s after Postgres was killed`);
    }
  }
  return missing.map((name) => `${name} did not notice within ${FAULT_SECONDS} s that Postgres was killed`);
}

/** The page of the fault arrives, with its link, and is taken back when Postgres is there again. */
async function followPage(paging: Paging, postgres: TestServer): Promise<string[]> {
  const wrong = await paging.expectPage('PostgresDown', 'firing');
  say(wrong.length === 0 ? '        the page arrived, with its link to the runbook' : '        WRONG: the page of PostgresDown');
  await postgres.restart();
  const then = await paging.expectPage('PostgresDown', 'resolved');
  say(then.length === 0 ? '        Postgres is back, and the page is resolved' : '        WRONG: the page was not resolved');
  return [...wrong, ...then];
}

async function verify(api: PrometheusApi, redis: TestServer, postgres: TestServer, traffic: Traffic, paging: Paging): Promise<string[]> {
  say(`load for ${LOAD_SECONDS} s, in which Redis is frozen twice for ${FREEZE_MS} ms ...`);
  for (let second = 1; second <= LOAD_SECONDS; second += 1) {
    await sleep(1_000);
    if (!FREEZES_AT_SECONDS.includes(second)) continue;
    await redis.kill('SIGSTOP');
    await sleep(FREEZE_MS);
    await redis.kill('SIGCONT');
  }
  for (const [kind, count] of [...traffic.answers].sort(([a], [b]) => a.localeCompare(b))) say(`        ${kind}: ${count}`);
  const wrong = (await api.isScraping()) ? [] : ['a target is not scraped'];
  wrong.push(...await askEverything(api));
  say(`active alerts: ${(await activeAlerts(api)).join(', ') || 'none'}`);
  say('Postgres is killed ...');
  wrong.push(...await breakPostgres(api, postgres), ...await followPage(paging, postgres));
  return wrong;
}

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
    const wrong = await verify(prometheusApi(prometheus.url), redis, postgres, traffic, paging);
    say(wrong.length === 0
      ? '\nevery question has an answer, and the fault became a page that was taken back'
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
