import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatProxy } from '../../test/support/chat-proxy.js';
import { inParallel } from '../../test/support/parallel.js';
import type { PatientClient } from '../../test/support/patient-client.js';
import type { GatewayProcess, GatewayProcesses } from '../../test/support/processes.js';
import {
  hourOf, KILL_API_HOUR, KILL_WORKER_HOUR, shareBy, STEP_MS, STEP_REAL_MS_MIN, stepOfHour, STEPS, STEPS_PER_HOUR, WORKER_DEAD_STEPS,
} from './calendar.js';
import type { Person } from './people.js';
import type { Action, Traffic } from './traffic.js';

export type DayDeps = {
  readonly processes: GatewayProcesses;
  readonly client: PatientClient;
  readonly proxy: ChatProxy;
  readonly people: readonly Person[];
  readonly traffic: Traffic;
  readonly sessions: number;
  readonly say: (line: string) => void;
};

/** Callers at the same time. */
const WIDTH = 32;
/** Sessions that were refused are made up for, but not for ever. */
const LAST_TRIES_MAX = 20;

const count = (value: number): string => value.toLocaleString('en-US').replaceAll(',', ' ');

/** Lives the day: moves the time, step by step, sends the traffic of each step, and kills what is to be killed. */
export async function liveTheDay(deps: DayDeps): Promise<void> {
  const { processes, client, proxy, people, traffic, sessions, say } = deps;
  const { told } = proxy;
  const opened = (): number => told.sessions.length;
  await inParallel(WIDTH, people.flatMap(({ accountId, firstAllocations }) =>
    firstAllocations.map(({ credits, expiryDays }) => () => proxy.grant(accountId, credits, expiryDays))));

  for (let step = 0; step < STEPS; step += 1) {
    const startedAt = performance.now();
    if (step % STEPS_PER_HOUR === 0 && step > 0) sayHour(step);
    const due = Math.max(0, Math.round(sessions * shareBy(step)) - opened());
    const actions = traffic.step(step, due);
    if (step === stepOfHour(KILL_API_HOUR)) await killDuring(actions, processes.api, () => processes.api.start());
    else if (step === stepOfHour(KILL_WORKER_HOUR)) await killDuring(actions, processes.worker, () => Promise.resolve());
    else await inParallel(WIDTH, actions);
    if (step === stepOfHour(KILL_WORKER_HOUR) + WORKER_DEAD_STEPS) await restartWorker();
    const restMs = STEP_REAL_MS_MIN - (performance.now() - startedAt);
    if (restMs > 0) await sleep(restMs);
    await processes.advance(STEP_MS);
  }
  for (let tries = 0; opened() < sessions && tries < LAST_TRIES_MAX; tries += 1) {
    await inParallel(WIDTH, traffic.step(STEPS, sessions - opened()));
  }
  sayHour(STEPS);

  function sayHour(step: number): void {
    const { answers, retries } = client.traffic;
    const hour = String(hourOf(step)).padStart(2, '0');
    say(`hour ${hour}: ${count(opened())} sessions, ${count(told.charges.length)} charges, ${count(told.grants.length)} allocations, ` +
      `${count(told.refusedSessions.length + told.refusedCharges.length)} refused, ${count(answers)} answers, ${count(retries)} retries`);
  }

  /** Kills a process when a third of the actions are through and the rest is on its way. */
  async function killDuring(actions: readonly Action[], victim: GatewayProcess, then: () => Promise<void>): Promise<void> {
    let killed: Promise<void> | undefined;
    const third = Math.ceil(actions.length / 3);
    await inParallel(WIDTH, actions, (done) => {
      if (done < third) return;
      killed ??= kill(victim, done, actions.length).then(then);
    });
    await killed;
  }

  async function kill(victim: GatewayProcess, done: number, all: number): Promise<void> {
    const { underWay } = client.traffic;
    await victim.kill('SIGKILL');
    say(`         kill -9 of the ${victim.role} after ${done} of ${all} actions of this rush, with ${underWay} requests under way`);
  }

  async function restartWorker(): Promise<void> {
    await processes.worker.start();
    say(`         the worker is back after ${(WORKER_DEAD_STEPS * STEP_MS) / 60_000} minutes`);
  }
}
