import { creditsIn, drained, drainedAll, type Acknowledged } from '../acknowledged.js';
import type { BurstRequest, BurstResult } from '../load/burst.js';
import { cpuMs } from '../processes.js';
import type { Side, Stage } from './holds-stage.js';

export type What = 'hold' | 'settle';
const AMOUNT = '0.02';
const USED = '0.01';

/** Whose processor time is measured; `server` is the one that answers. */
export const WHERES = ['server', 'redis', 'worker', 'postgres', 'load'] as const;
export type Where = (typeof WHERES)[number];
type Cpu = Readonly<Record<Where, number>>;

/** One burst and its cost. `isHot`: all of it on one account. */
export type Measured = {
  readonly round: number;
  readonly side: Side;
  readonly what: What;
  readonly isHot: boolean;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the server and of the load generator for one accepted request. */
  readonly cpuMicros: Readonly<Record<'server' | 'load', number>>;
};

/** A hold and its settle with everything that follows from them, until Postgres has it. */
export type MeasuredPair = { readonly round: number; readonly side: Side; readonly isHot: boolean; readonly cpuMicros: Cpu };

/** What was measured and acknowledged so far. */
export type Tally = {
  readonly bursts: Measured[];
  readonly pairs: MeasuredPair[];
  /** Holds that the gateway acknowledged. */
  readonly acknowledged: Acknowledged[];
  /** Number of operations that each side acknowledged. */
  readonly operations: Map<Side, number>;
  /** Number of requests that each side refused because it was busy; they changed nothing. */
  readonly busy: Map<Side, number>;
  /** Number of requests that were not answered in time; they may have changed something. */
  readonly unknown: Map<Side, number>;
  /** Other unexpected answers, by side, status and body. */
  readonly refused: Map<string, number>;
  holdNumber: number;
  /** Entries that Postgres must have in the end. */
  entries: number;
};

export const emptyTally = ({ accounts }: Pick<Stage, 'accounts'>): Tally => ({
  bursts: [], pairs: [], acknowledged: [], operations: new Map(), busy: new Map(), unknown: new Map(), refused: new Map(), holdNumber: 0,
  entries: accounts.ids.length,
});

export type Leg = { readonly side: Side; readonly requests: number; readonly connections: number; readonly isHot?: boolean };

const ACCEPTED: Readonly<Record<What, number>> = { hold: 201, settle: 200 };
const BUSY = 503;
const OUTCOME = /"outcome":"(not_executed|unknown)"/;
const SHOWN_MAX = 200;
const MICROS_PER_MS = 1_000;

/** Holds, and on all sides but the bare ones their settles. Rounds below 0 warm up. */
export async function runLeg(
  stage: Stage, tally: Tally, { side, requests, connections, isHot = false }: Leg, round: number,
): Promise<void> {
  const holds = newHolds(stage, tally, requests, isHot);
  tally.entries = await drainedAll(stage.view, stage.accounts.ids);
  const before = cpuNow(stage, side);
  const placed = await burst(stage, tally, side, 'hold', connections, placing(holds));
  const measured = (what: What, result: BurstResult, cpuBefore: Cpu): void => {
    const accepted = result.answers.filter(({ status }) => status === ACCEPTED[what]).length; // what refusals cost is theirs, too
    const server = (cpuMs(stage.servers[side].pid) - cpuBefore.server) * MICROS_PER_MS / accepted;
    if (round >= 0) tally.bursts.push({
      round, side, what, isHot, perSecond: accepted / result.durationMs * 1_000, ...result.latencyMs,
      cpuMicros: { server, load: result.cpuMs * MICROS_PER_MS / accepted },
    });
  };
  measured('hold', placed, before);
  if (side === 'bare' || side === 'byHand') return;

  const between = cpuNow(stage, side);
  const isOpen = new Set(amounts(placed, ACCEPTED.hold, 'amount').keys());
  const settled = await burst(stage, tally, side, 'settle', connections, holds.filter(({ id }) => isOpen.has(id)).map(({ token, id }) => (
    { path: `/v1/holds/${id}/settle`, token, body: JSON.stringify({ amount: USED }) })));
  measured('settle', settled, between);
  count(tally, side, holds, placed, settled);
  await drained(stage.view.db, tally.entries);
  const after = cpuNow(stage, side);
  const pairs = isOpen.size; // what refusals cost is theirs, too
  const cpuMicros = Object.fromEntries(WHERES.map((where) =>
    [where, (where === 'load' ? placed.cpuMs + settled.cpuMs : after[where] - before[where]) * MICROS_PER_MS / pairs]));
  if (round >= 0) tally.pairs.push({ round, side, isHot, cpuMicros: cpuMicros as Cpu });
}

/** Holds at a rate. */
export async function runPaced(
  stage: Stage, tally: Tally, { side, requests, connections, perSecond }: Omit<Leg, 'isHot'> & { readonly perSecond: number },
): Promise<BurstResult> {
  const holds = newHolds(stage, tally, requests, false);
  const result = await burst(stage, tally, side, 'hold', connections, placing(holds), perSecond);
  if (side === 'gateway') count(tally, side, holds, result, null);
  return result;
}

type Hold = { readonly id: string; readonly accountId: string; readonly token: string };

function newHolds({ accounts: { ids, tokens } }: Stage, tally: Tally, count: number, isHot: boolean): Hold[] {
  return Array.from({ length: count }, (_, index) => {
    tally.holdNumber += 1;
    const account = isHot ? ids.length - 1 : index % ids.length;
    return { id: `bench-${tally.holdNumber.toString().padStart(8, '0')}`, accountId: ids[account] ?? '', token: tokens[account] ?? '' };
  });
}

const placing = (holds: readonly Hold[]): BurstRequest[] =>
  holds.map(({ id, token }) => ({ path: '/v1/holds', token, body: JSON.stringify({ id, amount: AMOUNT }) }));

async function burst(
  { load, servers }: Stage, tally: Tally, side: Side, what: What, connections: number, requests: readonly BurstRequest[],
  perSecond?: number,
): Promise<BurstResult> {
  const result = await load.run({ port: servers[side].port, connections, requests, ...(perSecond === undefined ? {} : { perSecond }) });
  for (const { status, body } of result.answers) {
    if (status === ACCEPTED[what]) continue;
    if (status === BUSY && OUTCOME.test(body)) {
      const list = body.includes('"not_executed"') ? tally.busy : tally.unknown;
      list.set(side, (list.get(side) ?? 0) + 1);
      continue;
    }
    const said = `${side}: ${what} ${status} ${body.replace(/"requestId":"[^"]*"/, '').slice(0, SHOWN_MAX)}`;
    tally.refused.set(said, (tally.refused.get(said) ?? 0) + 1);
  }
  return result;
}

/** Counts what was acknowledged. Throws when an answer does not tell an amount. */
function count(tally: Tally, side: Side, holds: readonly Hold[], placed: BurstResult, settled: BurstResult | null): void {
  const accountOf = new Map(holds.map(({ id, accountId }) => [id, accountId]));
  const held = amounts(placed, ACCEPTED.hold, 'amount');
  const captured = settled === null ? new Map<string, number>() : amounts(settled, ACCEPTED.settle, 'captured');
  tally.operations.set(side, (tally.operations.get(side) ?? 0) + held.size + captured.size);
  if (side !== 'gateway') return;
  tally.entries += held.size + captured.size;
  for (const [holdId, amount] of held) {
    tally.acknowledged.push({ accountId: accountOf.get(holdId) ?? 'unknown', holdId, held: amount, charged: captured.get(holdId) });
  }
}

/** By hold, in micros. */
function amounts({ answers }: BurstResult, status: number, field: 'amount' | 'captured'): Map<string, number> {
  return new Map(answers.filter((each) => each.status === status).map(({ body }) => {
    const answer = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return [String(answer['id']), creditsIn(answer, field)];
  }));
}

/** Redis and worker run beside every side; only the gateway needs them, so what they take while another has its turn is not counted. */
const cpuNow = ({ servers, redis, worker, postgres }: Stage, side: Side): Cpu => ({
  server: cpuMs(servers[side].pid), redis: side === 'gateway' ? cpuMs(redis.pid) : 0, worker: side === 'gateway' ? cpuMs(worker.pid) : 0,
  postgres: cpuMs(postgres.pid), load: 0,
});
