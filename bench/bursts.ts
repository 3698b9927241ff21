import { amountIn, type Acknowledged } from './acknowledged.js';
import type { BenchAccounts } from './bench-accounts.js';
import type { BurstResult } from './load-generator.js';
import { cpuMs, type Child, type LoadGenerator } from './processes.js';

/** `bare`: the bare Koa, with the same requests as a hold. */
export type What = 'bare' | 'hold' | 'settle';

/** The processes whose processor time is measured. `server` is the one that answers: the bare Koa or the API process. */
export type Where = 'server' | 'load' | 'redis' | 'worker' | 'postgres';

/** One burst of requests and its cost. */
export type Measured = {
  readonly round: number;
  readonly lots: number;
  readonly what: What;
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  readonly cpuMicrosPerRequest: Readonly<Record<Where, number>>;
};

type Processes = {
  readonly load: LoadGenerator;
  readonly bare: Child & { readonly port: number };
  readonly api: Child & { readonly port: number };
  readonly worker: Child;
  readonly redis: { readonly pid: number };
  readonly postgres: { readonly pid: number };
};

/** Costs 1 credit a message; with a fifth more in whole credits 2 are held, and half of it is used. */
const MODEL = 'gpt-4';
const ESTIMATED_TOKENS = 200;
const ACTUAL_TOKENS = 100;

const PATHS: Readonly<Record<What, string>> = {
  bare: '/api/streaming-sessions/initialize',
  hold: '/api/streaming-sessions/initialize',
  settle: '/api/streaming-sessions/finalize',
};
const ACCEPTED: Readonly<Record<What, number>> = { bare: 201, hold: 201, settle: 200 };

export type Bench = {
  /** A burst of requests to the bare Koa, the same as holds to the gateway, and their settles. */
  leg(accounts: BenchAccounts, round: number): Promise<Measured[]>;
  /** Every acknowledged hold, with its settle if that was acknowledged. */
  readonly acknowledged: readonly Acknowledged[];
  /** Unexpected answers, by status and body. */
  readonly refused: ReadonlyMap<string, number>;
  /** Number of entries that the gateway acknowledged since the last call. */
  takeEntries(): number;
};

export function openBench(processes: Processes, connections: number, requestCount: number): Bench {
  const { load, bare, api } = processes;
  const acknowledged: Acknowledged[] = [];
  const refused = new Map<string, number>();
  let entries = 0;
  let holdNumber = 0;

  const burst = async (what: What, accounts: BenchAccounts, round: number, requests: readonly {
    readonly token: number;
    readonly body: string;
  }[]) => {
    const server = what === 'bare' ? bare : api;
    const before = cpuNow(processes, server);
    const result = await load.run({ port: server.port, path: PATHS[what], connections, tokens: accounts.tokens, requests });
    const after = cpuNow(processes, server);
    const accepted = result.statuses.filter((status) => status === ACCEPTED[what]).length; // refusals are cheap and must not count
    const perRequest = (where: Where): number => (after[where] - before[where]) * 1_000 / requests.length;
    const measured: Measured = {
      round, lots: accounts.lots, what, perSecond: accepted / result.durationMs * 1_000, latenciesMs: result.latenciesMs,
      cpuMicrosPerRequest: {
        server: perRequest('server'), load: perRequest('load'), redis: perRequest('redis'), worker: perRequest('worker'),
        postgres: perRequest('postgres'),
      },
    };
    return { result, measured };
  };

  /** Calls `accept` for each request with the expected answer; records the other answers. */
  const eachAccepted = (what: What, { statuses, bodies }: BurstResult, accept: (index: number, body: string) => void): void => {
    for (const [index, status] of statuses.entries()) {
      const body = bodies[index] ?? '';
      if (status === ACCEPTED[what]) {
        accept(index, body);
        continue;
      }
      const said = `${what} ${status} ${body.replace(/"requestId":"[^"]*"/, '').slice(0, 200)}`;
      refused.set(said, (refused.get(said) ?? 0) + 1);
    }
  };

  return {
    acknowledged,
    refused,
    takeEntries: () => {
      const taken = entries;
      entries = 0;
      return taken;
    },
    leg: async (accounts, round) => {
      const { holds, initialize, finalize } = requestsOf(accounts, requestCount, () => (holdNumber += 1));

      const answered = await burst('bare', accounts, round, initialize);
      eachAccepted('bare', answered.result, () => undefined);

      const placed = await burst('hold', accounts, round, initialize);
      const settled = await burst('settle', accounts, round, finalize);
      const byIndex = new Map<number, Acknowledged>();
      eachAccepted('hold', placed.result, (index, body) => {
        const { accountId = '', holdId = '' } = holds[index] ?? {};
        byIndex.set(index, { accountId, holdId, held: amountIn(body, 'allocatedCredits'), charged: undefined });
        entries += 1;
      });
      eachAccepted('settle', settled.result, (index, body) => {
        const hold = byIndex.get(index);
        if (hold !== undefined) hold.charged = amountIn(body, 'actualCredits');
        entries += 1;
      });
      acknowledged.push(...byIndex.values());
      return [answered.measured, placed.measured, settled.measured];
    },
  };
}

/** The requests of one leg: holds, and their settles. */
function requestsOf(accounts: BenchAccounts, requestCount: number, nextNumber: () => number) {
  const holds = Array.from({ length: requestCount }, (_, index) => {
    const token = index % accounts.ids.length;
    const holdId = `bench-hold-${nextNumber().toString().padStart(8, '0')}`;
    return { token, holdId, accountId: accounts.ids[token] ?? '' };
  });
  const initialize = holds.map(({ token, holdId }) => ({
    token, body: JSON.stringify({ sessionId: holdId, modelId: MODEL, estimatedTokens: ESTIMATED_TOKENS }),
  }));
  const finalize = holds.map(({ token, holdId }) => ({
    token, body: JSON.stringify({ sessionId: holdId, actualTokens: ACTUAL_TOKENS, success: true }),
  }));
  return { holds, initialize, finalize };
}

/** Processor time of all processes involved, in milliseconds. */
const cpuNow = ({ load, redis, worker, postgres }: Processes, server: Child): Readonly<Record<Where, number>> => ({
  server: cpuMs(server.pid), load: cpuMs(load.pid), redis: cpuMs(redis.pid), worker: cpuMs(worker.pid), postgres: cpuMs(postgres.pid),
});
