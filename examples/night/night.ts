import { setTimeout } from 'node:timers/promises';
import type { TokenClaims } from '../../src/edge/auth/mint-token.js';
import type { Answer, NightClient } from './night-client.js';

/** What can be done to the gateway's processes and servers. */
export type Faults = {
  readonly stopWorker: () => void;
  readonly wakeWorker: () => void;
  readonly stopPostgres: () => Promise<void>;
  readonly startPostgres: () => Promise<void>;
};

export type NightDeps = {
  readonly client: NightClient;
  readonly token: (claims: TokenClaims) => Promise<string>;
  readonly faults: Faults;
  readonly workerPort: number;
  /** Of the gateway, for links. */
  readonly url: string;
  readonly say: (line: string) => void;
  /** Called while Postgres is still away. */
  readonly duringOutage?: () => Promise<void>;
  /** Aborted when the night is over: whatever waits then ends with an AbortError. */
  readonly over: AbortSignal;
};

export type Pace = {
  /** How long each fault lasts. A hold shows as stuck five seconds after its lease has ended. */
  readonly faultMs: number;
  /** How long nothing is wrong, between faults. */
  readonly calmMs: number;
};

/** The lease of all holds: short, so that abandoned holds expire while the reader watches. */
export const LEASE_SECONDS = 10;
const STUCK_AFTER_SECONDS = 5;
const MODEL = 'gpt-4';
/** The console's list of stuck holds is of those that Postgres knows. */
const DRAINED_MS = 1_000;
const CAUGHT_UP_SECONDS = 1;
const LOOK_MS = 500;
const LOOKS_MAX = 120;

/** What the round saw itself. */
export type Story = {
  readonly refusedAt: string;
  readonly lagSeconds: number;
  readonly lagSecondsAfter: number;
  readonly openDrift: number;
  readonly frankEndedBy: string;
};

const BUSY_TRIES_MAX = 60;
const BUSY_PAUSE_MS = 500;

/** A gateway that is busy answers 503. The same session again is safe, so a client repeats it, as here. */
async function unlessBusy(send: () => Promise<Answer>, sleep: (ms: number) => Promise<void>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await send();
    if (answer.status !== 503 || tries === BUSY_TRIES_MAX) return answer;
    await sleep(BUSY_PAUSE_MS);
  }
}

/** One round of the night: everything that the five questions of docs/walk-through.md ask about happens once. */
export async function liveARound(deps: NightDeps, round: number, { faultMs, calmMs }: Pace): Promise<Story> {
  const { client, token, faults, workerPort, url, say, over, duringOutage } = deps;
  const sleep = (ms: number): Promise<void> => setTimeout(ms, undefined, { signal: over });
  const tell = (line: string): void => { say(`${new Date().toISOString().slice(11, 19)}  ${line}`); };
  const look = (line: string): void => { say(`            ${line}`); };
  const page = (path: string): string => `${url}/console${path}`;
  const admin = await token({ sub: 'night-operator', role: 'admin' });
  const [carol, frank, hanna] = await Promise.all(['carol', 'frank', 'hanna'].map((sub) => token({ sub })));
  const open = (user: string | undefined, sessionId: string, estimatedTokens: number): Promise<Answer> =>
    unlessBusy(() => client.post(user ?? '', '/api/streaming-sessions/initialize', { sessionId, modelId: MODEL, estimatedTokens }), sleep);
  const franksHold = `frank-message-${round}`;
  const hannasHold = `hanna-message-${round}`;

  tell(`Round ${round}. Carol has a few credits and asks for a long answer; Frank begins one that he can pay for.`);
  for (const userId of ['carol', 'frank', 'hanna']) {
    expectStatus(201, await client.post(admin, '/api/credits/allocate', { userId, credits: userId === 'carol' ? 1 : 100 }));
  }
  expectStatus(402, await open(carol, `carol-message-${round}`, 100_000));
  const refusedAt = new Date().toISOString().slice(0, 16);
  tell(`Carol was refused at ${refusedAt.slice(11)} UTC. Why?`);
  look(page(`/accounts/carol?at=${refusedAt}#refusals`));
  look(`by command: curl -s "$GATEWAY/v1/refusals?account=carol" -H "authorization: Bearer $ADMIN"`);

  expectStatus(201, await open(frank, franksHold, 2_000));
  expectStatus(200, await client.post(admin, '/v1/accounts/frank/freeze', { reason: 'chargeback under review' }));
  expectStatus(423, await client.post(frank ?? '', '/api/streaming-sessions/finalize', { sessionId: franksHold, actualTokens: 500 }));
  tell('The account of Frank was frozen during an answer: until it is thawed, his hold cannot be settled and does not expire.');
  look(page(`/accounts/frank/holds/${franksHold}`));
  look('by command: npm run account -- show frank');
  await sleep(calmMs);

  expectStatus(201, await open(hanna, hannasHold, 2_000));
  await sleep(DRAINED_MS);
  tell(`The worker stops for ${seconds(faultMs)}: what it should do waits in queues, and no lease is ended. Hanna's hold of a `
    + `moment ago, and others, are stuck from ${LEASE_SECONDS + STUCK_AFTER_SECONDS} s on.`);
  faults.stopWorker();
  look(`${page('')} (Stuck holds, Queues); on the dashboards "Processes", while what only a worker measures has no data`);
  look(page(`/accounts/hanna/holds/${hannasHold}`));
  await sleep(faultMs);
  faults.wakeWorker();
  tell('The worker goes on: it does what waited, and ends every hold whose lease is over. Frank\'s stays: he is frozen.');
  look(page(`/accounts/hanna/holds/${hannasHold}`));
  await caughtUp(deps, sleep);
  await sleep(calmMs);

  tell(`Postgres is killed, and stays away for ${seconds(faultMs)}: holds and settlements go on, grants are refused, the lag grows.`);
  await faults.stopPostgres();
  look(`${page('')} (Journal); "How far Postgres is behind" on the overview dashboard`);
  await sleep(faultMs);
  await duringOutage?.();
  const lagSeconds = await fallenBehind(deps, sleep);
  const entries = await client.metric(workerPort, 'cg_journal_lag_entries') ?? 0;
  tell(`Postgres comes back now. It is ${entries} entries and ${Math.round(lagSeconds)} s behind.`);
  await faults.startPostgres();
  const startedAt = performance.now();
  const lagSecondsAfter = await caughtUp(deps, sleep);
  tell(`It has everything again, ${seconds(performance.now() - startedAt)} later.`);

  expectStatus(200, await client.post(admin, '/v1/accounts/frank/thaw', { reason: 'the bank withdrew it' }));
  tell('Frank was thawed: a sweep ends his hold within seconds and gives everything back.');
  const frankEndedBy = await endOf(deps, sleep, frank ?? '', franksHold);
  look(page(`/accounts/frank/holds/${franksHold}`));
  const { body } = await client.get(admin, '/v1/reconciliation');
  const openDrift = (body['open'] as readonly unknown[] | undefined ?? ['unknown']).length;
  tell(`${openDrift === 0 ? 'Drift is zero' : `There is drift in ${openDrift} checks`}; last compared `
    + `${String(body['lastBatchAt'])}, all accounts ${String(body['lastRoundAt'])}.`);
  look('by command: npm run reconcile');
  await sleep(calmMs);
  return { refusedAt, lagSeconds, lagSecondsAfter, openDrift, frankEndedBy };
}

type Sleep = (ms: number) => Promise<void>;
const seconds = (ms: number): string => `${Math.max(1, Math.round(ms / 1_000))} s`;

function expectStatus(wanted: number, { status, body }: Answer): void {
  if (status !== wanted) throw new Error(`the gateway answered ${status} where ${wanted} was expected: ${JSON.stringify(body)}`);
}

/** Waits until Postgres has nearly everything. Answers the lag. */
const caughtUp = (deps: NightDeps, sleep: Sleep): Promise<number> =>
  lagThat((lag) => lag < CAUGHT_UP_SECONDS, 'Postgres does not catch up', deps, sleep);

/** Waits until the gauge, which is measured every few seconds, tells that Postgres is behind. Answers the lag. */
const fallenBehind = (deps: NightDeps, sleep: Sleep): Promise<number> =>
  lagThat((lag) => lag >= CAUGHT_UP_SECONDS, 'Postgres does not fall behind', deps, sleep);

async function lagThat(
  is: (lagSeconds: number) => boolean, otherwise: string, { client, workerPort }: NightDeps, sleep: Sleep,
): Promise<number> {
  for (let looks = 1; ; looks += 1) {
    const lag = await client.metric(workerPort, 'cg_journal_lag_seconds');
    if (lag !== null && is(lag)) return lag;
    if (looks === LOOKS_MAX) throw new Error(`${otherwise}: ${lag ?? 'unknown'} s`);
    await sleep(LOOK_MS);
  }
}

/** Waits until the hold has ended. Answers the kind of its last entry. */
async function endOf({ client }: NightDeps, sleep: Sleep, token: string, holdId: string): Promise<string> {
  for (let looks = 1; ; looks += 1) {
    const { body } = await client.get(token, '/v1/entries');
    const entries = body['data'] as readonly { readonly hold?: string | null; readonly kind: string }[] | undefined ?? [];
    const last = entries.find((entry) => entry.hold === holdId);
    if (last !== undefined && last.kind !== 'place') return last.kind;
    if (looks === LOOKS_MAX) throw new Error(`the hold ${holdId} does not end`);
    await sleep(LOOK_MS);
  }
}
