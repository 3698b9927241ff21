import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { processSeries } from '../../grafana/src/promql.js';
import type { TestServer } from '../../test/support/servers.js';
import type { Paging } from './paging.js';
import type { PrometheusApi, RuleState } from './prometheus-api.js';
import { becomes, say } from './wait.js';

/** What is broken, and the alerts that must notice. */

/** How long an alert may take: until it is pending, not until it fires. */
const FAULT_SECONDS = 120;
const POSTGRES_ALERTS = ['PostgresDown', 'JournalLag', 'DrainFailing'];
/** More than three starts within half an hour are an alert. */
const DEATHS = 4;

export const isActive = ({ state }: RuleState): boolean => state === 'pending' || state === 'firing';

/** Waits until alerts are pending or firing. Answers those that are not in time. */
async function expectAlerts(api: PrometheusApi, names: readonly string[], fault: string): Promise<string[]> {
  const startedAt = performance.now();
  let missing = names;
  await becomes(async () => {
    const active = (await api.rules()).filter(isActive).map(({ name }) => name);
    for (const name of missing.filter((each) => active.includes(each))) {
      say(`        ${name} is pending ${Math.round((performance.now() - startedAt) / 1_000)} s after ${fault}`);
    }
    missing = missing.filter((name) => !active.includes(name));
    return missing.length === 0;
  }, FAULT_SECONDS);
  return missing.map((name) => `${name} did not notice within ${FAULT_SECONDS} s that ${fault}`);
}

/** An account of which Redis and Postgres tell different balances, until the reconciler has found it. */
export async function breakBalance(api: PrometheusApi, operatorUrl: string, account: string): Promise<string[]> {
  const redis = new Redis(operatorUrl);
  try {
    const [key] = await redis.keys(`*:account:${account}`);
    if (key === undefined) return [`Redis has no account ${account}`];
    await redis.hincrby(key, 'available', 7);
    const wrong = await expectAlerts(api, ['Drift'], 'a balance was changed in Redis');
    await redis.hincrby(key, 'available', -7);
    return wrong;
  } finally {
    redis.disconnect();
  }
}

/** The worker process is killed, again when another has taken its place. */
export async function killWorkers(api: PrometheusApi, gatewayPid: number): Promise<string[]> {
  const starts = async (): Promise<number> => {
    const answer = await api.query(`sum(changes(${processSeries('process_start_time_seconds')}[30m]))`);
    return 'number' in answer ? answer.number : 0;
  };
  for (let death = 1; death <= DEATHS; death += 1) {
    const before = await starts();
    const [child] = childrenOf(gatewayPid);
    if (child === undefined) return ['the gateway has no worker process'];
    process.kill(child, 'SIGKILL');
    const isCounted = await becomes(async () => await starts() > before, FAULT_SECONDS);
    if (!isCounted) return [`a worker process was killed, and within ${FAULT_SECONDS} s no start was counted`];
  }
  return expectAlerts(api, ['ProcessRestarts'], `the worker process was killed ${DEATHS} times`);
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((each) => each !== '').map(Number);

/** Postgres goes away; the page arrives, with its link, and is taken back when Postgres is there again. */
export async function breakPostgres(api: PrometheusApi, paging: Paging, postgres: TestServer): Promise<string[]> {
  say('Postgres is killed ...');
  await postgres.kill('SIGKILL');
  const wrong = await expectAlerts(api, POSTGRES_ALERTS, 'Postgres was killed');
  const page = await paging.expectPage('PostgresDown', 'firing');
  say(page.length === 0 ? '        the page arrived, with its link to the runbook' : '        WRONG: the page of PostgresDown');
  await postgres.restart();
  const end = await paging.expectPage('PostgresDown', 'resolved');
  say(end.length === 0 ? '        Postgres is back, and the page is resolved' : '        WRONG: the page was not resolved');
  return [...wrong, ...page, ...end];
}
