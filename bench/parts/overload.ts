import { creditsIn, drainedAll, findLosses, type Acknowledged } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { onGatewayStage } from '../gateway-stage.js';
import type { BurstAnswer, BurstRequest, BurstResult, LoadGenerator } from '../load/burst.js';
import type { Part, PartOptions, PartResult } from '../part.js';
import type { GatewayProcess } from '../processes.js';
import { median, sum } from '../statistics.js';

/**
 * Twice the rate that the machine holds, with `ROLE=all`. Each round measures the maximum of 64 callers that each wait for their answer,
 * and then sends twice as much at its own times, whatever the answers take. What is counted of that lies between the ramp and the end of
 * its schedule: in the ramp queues fill, and after the end nothing comes any more.
 */
export const overload: Part = {
  name: 'overload',
  about: 'twice the rate that the machine holds (P10)',
  run: ({ quick, say }) => {
    return onGatewayStage({ say, role: 'all' }, async ({ api, load, view, secret }) => {
      const { ids, tokens } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
      const caller: Caller = { gateway: api, load, ids, tokens, acknowledged: [], holdNumber: 0 };
      const rounds = await measure(caller, quick ? QUICK : FULL, say);
      await drainedAll(view, ids); // of an answer with an unknown outcome an entry may follow, too
      return report(rounds, await findLosses(view.db, view.ledger, ids, caller.acknowledged));
    });
  },
};

type Size = { readonly rounds: number; readonly requests: number; readonly seconds: number };
const FULL: Size = { rounds: 3, requests: 4_000, seconds: 10 };
const QUICK: Size = { rounds: 1, requests: 400, seconds: 1 };
const ACCOUNTS = 64;
const CONNECTIONS = 64;
/** Enough for half a second of answers at 2 000 requests per second to be awaited at once. */
const CROWD = 1_024;
const OVER = 2;
const RAMP_SHARE = 0.2;
/** A load that began fewer of its requests in time than this share was no such load. */
const OFFERED_MIN = 0.9;

type Caller = {
  readonly gateway: GatewayProcess; readonly load: LoadGenerator; readonly ids: readonly string[]; readonly tokens: readonly string[];
  /** Holds that were answered with 201. */
  readonly acknowledged: Acknowledged[];
  holdNumber: number;
};
type What = 'hold' | 'settle';
const WHATS = ['hold', 'settle'] as const;
/** Counts are of answers between `fromMs` and `toMs`. */
type Told = {
  readonly durationMs: number; readonly answers: number; readonly done: number; readonly notExecuted: number;
  readonly unknown: number; readonly other: readonly string[]; readonly p50: number; readonly p99: number;
};
type Leg = Readonly<Record<What, Told>>;
type Round = { readonly most: Leg; readonly over: Leg };

async function measure(caller: Caller, { rounds, requests, seconds }: Size, say: PartOptions['say']): Promise<Round[]> {
  const measured: Round[] = [];
  for (let round = -1; round < rounds; round += 1) {
    say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${rounds}`);
    const most = await holdAndSettle(caller, requests, CONNECTIONS, null);
    if (round < 0) continue;
    const rate = { hold: OVER * doneIn(most.hold), settle: OVER * doneIn(most.settle) };
    measured.push({ most, over: await holdAndSettle(caller, Math.round(rate.hold * seconds), CROWD, rate) });
  }
  return measured;
}

/** Holds, and then one settle for each that was placed. `rate`: null is as fast as possible. */
async function holdAndSettle(
  caller: Caller, holds: number, connections: number, rate: Readonly<Record<What, number>> | null,
): Promise<Leg> {
  const { gateway: { port }, load, ids, tokens } = caller;
  const asked = Array.from({ length: holds }, () => {
    caller.holdNumber += 1;
    const account = caller.holdNumber % ids.length;
    return { id: `overload-${caller.holdNumber}`, account };
  });
  const accountOf = new Map(asked.map(({ id, account }) => [id, account]));
  const run = async (what: What, requests: readonly BurstRequest[]): Promise<[BurstResult, Told]> => {
    const result = await load.run({ port, connections, requests, ...(rate === null ? {} : { perSecond: rate[what] }) });
    return [result, tell(what, result, rate === null ? null : requests.length / rate[what] * MS_PER_SECOND)];
  };
  const [placed, hold] = await run('hold', asked.map(({ id, account }) => (
    { path: '/v1/holds', token: tokens[account] ?? '', body: JSON.stringify({ id, amount: '0.02' }) })));
  const open = answered(placed, ACCEPTED.hold, 'amount');
  const [settled, settle] = await run('settle', [...open.keys()].map((id) => (
    { path: `/v1/holds/${id}/settle`, token: tokens[accountOf.get(id) ?? 0] ?? '', body: JSON.stringify({ amount: '0.01' }) })));
  const captured = answered(settled, ACCEPTED.settle, 'captured');
  for (const [holdId, held] of open) {
    caller.acknowledged.push({ accountId: ids[accountOf.get(holdId) ?? 0] ?? '', holdId, held, charged: captured.get(holdId) });
  }
  return { hold, settle };
}

const ACCEPTED: Readonly<Record<What, number>> = { hold: 201, settle: 200 };
const MS_PER_SECOND = 1_000;

/** Amounts by hold, of the answers that acknowledge. */
function answered({ answers }: BurstResult, status: number, field: string): Map<string, number> {
  return new Map(answers.filter((each) => each.status === status).map(({ body }) => {
    const answer = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return [String(answer['id']), creditsIn(answer, field)];
  }));
}

/** `scheduleMs`: how long the schedule of its requests is; null: there is none, and all of it counts. */
function tell(what: What, { answers, durationMs, latencyMs }: BurstResult, scheduleMs: number | null): Told {
  const [fromMs, toMs] = scheduleMs === null ? [0, durationMs] : [scheduleMs * RAMP_SHARE, scheduleMs];
  const counted = scheduleMs === null ? answers : answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const is503 = (outcome: string) => ({ status, body }: BurstAnswer) => status === 503 && body.includes(`"outcome":"${outcome}"`);
  const other = answers.filter((each) => each.status !== ACCEPTED[what] && !is503('not_executed')(each) && !is503('unknown')(each));
  return {
    durationMs: toMs - fromMs, answers: counted.length, done: counted.filter(({ status }) => status === ACCEPTED[what]).length,
    notExecuted: counted.filter(is503('not_executed')).length, unknown: answers.filter(is503('unknown')).length,
    other: other.map(({ status, body }) => `${what} ${status} ${body.slice(0, 120)}`), ...latencyMs,
  };
}

const perSecondOf = (count: number, { durationMs }: Told): number => count / durationMs * MS_PER_SECOND;
const doneIn = (told: Told): number => perSecondOf(told.done, told);

function report(rounds: readonly Round[], losses: readonly string[]): PartResult {
  const row = (name: string, what: What, load: keyof Round): (string | number)[] => {
    const all = rounds.map((round) => round[load][what]);
    const perSecond = (of: (each: Told) => number): string => median(all.map((each) => perSecondOf(of(each), each))).toFixed(0);
    return [
      name, what, perSecond(({ answers }) => answers), perSecond(({ done }) => done), perSecond(({ notExecuted }) => notExecuted),
      sum(all.map(({ unknown }) => unknown)), median(all.map(({ p50 }) => p50)).toFixed(1), median(all.map(({ p99 }) => p99)).toFixed(1),
    ];
  };
  const goodput = (what: What): number[] => rounds.map(({ most, over }) => doneIn(over[what]) / doneIn(most[what]));
  const offered = (what: What): number =>
    median(rounds.map(({ most, over }) => perSecondOf(over[what].answers, over[what]) / (OVER * doneIn(most[what]))));
  const all = rounds.flatMap(({ most, over }) => [most.hold, most.settle, over.hold, over.settle]);
  return {
    figures: [
      {
        id: 'P10', name: 'holds per second at twice the maximum ÷ the maximum', target: { atLeast: 0.9 }, values: goodput('hold'),
        limitedBy: 'a refusal takes a share of the processor as well',
      },
      { id: 'P10', name: 'the same of settles', target: { atLeast: 0.9 }, values: goodput('settle'), limitedBy: 'as holds' },
      {
        id: 'P10', name: 'answers with an unknown outcome', target: { atMost: 0 }, values: [sum(all.map(({ unknown }) => unknown))],
        limitedBy: 'Redis, where it has no processor for longer than its deadline',
      },
    ],
    tables: [{
      title: `ROLE=all, the load on the same machine; ${CONNECTIONS} callers, and ${CROWD} connections at twice the rate: medians`,
      columns: ['', '', 'answers/s', 'done/s', 'refused/s', 'unknown', 'p50 ms', 'p99 ms'],
      rows: WHATS.flatMap((what) => [row('maximum', what, 'most'), row('twice', what, 'over')]),
    }],
    notes: WHATS.filter((what) => offered(what) < OFFERED_MIN).map((what) =>
      `of twice the rate of ${what}s only ${offered(what).toFixed(2)} was answered in time: the load or the gateway was behind`),
    problems: [...all.flatMap(({ other }) => other).slice(0, 10), ...losses],
  };
}
