import { creditsIn, drained, findLosses, type Acknowledged } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { onGatewayStage } from '../gateway-stage.js';
import type { BurstResult, LoadGenerator } from '../load/burst.js';
import type { Part, PartOptions, PartResult } from '../part.js';
import type { GatewayProcess } from '../processes.js';
import { median, sum } from '../statistics.js';

/**
 * Twice the rate that the machine holds, with `ROLE=all`: first the maximum of 64 callers that each wait for their answer, then
 * eight times as many that together send twice as much.
 */
export const overload: Part = {
  name: 'overload',
  about: 'twice the rate that the machine holds (P10)',
  run: ({ quick, say }) => {
    return onGatewayStage({ say, role: 'all' }, async ({ api, load, view, secret }) => {
      const { ids, tokens } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
      const caller: Caller = { gateway: api, load, ids, tokens, acknowledged: [], holdNumber: 0 };
      const measured = await measure(caller, quick ? QUICK : FULL, say);
      await drained(view.db, ids.length + sum(caller.acknowledged.map(({ charged }) => (charged === undefined ? 1 : 2))));
      return report(measured, await findLosses(view.db, view.ledger, ids, caller.acknowledged));
    });
  },
};

type Size = { readonly bursts: number; readonly requests: number; readonly seconds: number; readonly turns: number };
const FULL: Size = { bursts: 3, requests: 4_000, seconds: 10, turns: 3 };
const QUICK: Size = { bursts: 1, requests: 400, seconds: 1, turns: 1 };
const ACCOUNTS = 64;
const CONNECTIONS = 64;
const CROWD = 8 * CONNECTIONS;
const OVER = 2;

type Caller = {
  readonly gateway: GatewayProcess; readonly load: LoadGenerator; readonly ids: readonly string[]; readonly tokens: readonly string[];
  /** Holds that were answered with 201. */
  readonly acknowledged: Acknowledged[];
  holdNumber: number;
};
type Told = {
  readonly what: 'hold' | 'settle'; readonly durationMs: number; readonly sent: number; readonly done: number; readonly notExecuted: number;
  readonly unknown: number; readonly other: readonly string[]; readonly p50: number; readonly p99: number;
};
type Measured = { readonly most: readonly Told[]; readonly over: readonly Told[] };

async function measure(caller: Caller, { bursts, requests, seconds, turns }: Size, say: PartOptions['say']): Promise<Measured> {
  const most: Told[] = [];
  for (let burst = 0; burst <= bursts; burst += 1) {
    say(burst === 0 ? 'warming up ...' : `the maximum, ${burst} of ${bursts}`);
    const both = await holdAndSettle(caller, { holds: requests, connections: CONNECTIONS, pauseMs: null });
    if (burst > 0) most.push(...both);
  }
  const rate = { hold: speedOf(most, 'hold'), settle: speedOf(most, 'settle') };
  const over: Told[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    say(`twice the maximum, ${turn + 1} of ${turns}`);
    over.push(...await holdAndSettle(caller, {
      holds: Math.round(OVER * rate.hold * seconds), connections: CROWD,
      pauseMs: { hold: CROWD / (OVER * rate.hold) * 1_000, settle: CROWD / (OVER * rate.settle) * 1_000 },
    }));
  }
  return { most, over };
}

/** Holds, and then the settles of those that were placed, until each of them is settled. */
async function holdAndSettle(caller: Caller, { holds, connections, pauseMs }: {
  readonly holds: number; readonly connections: number; readonly pauseMs: Readonly<Record<'hold' | 'settle', number>> | null;
}): Promise<Told[]> {
  const { gateway: { port }, load, ids, tokens } = caller;
  const asked = Array.from({ length: holds }, () => {
    caller.holdNumber += 1;
    const account = caller.holdNumber % ids.length;
    return { id: `overload-${caller.holdNumber}`, account };
  });
  const accountOf = new Map(asked.map(({ id, account }) => [id, account]));
  const placed = await load.run({
    port, connections, pauseMs: pauseMs?.hold ?? 0, requests: asked.map(({ id, account }) => (
      { path: '/v1/holds', token: tokens[account] ?? '', body: JSON.stringify({ id, amount: '0.02' }) })),
  });
  const open = answered(placed, 201, 'amount');
  const settled = await load.run({
    port, connections, pauseMs: pauseMs?.settle ?? 0, requests: [...open.keys()].map((id) => (
      { path: `/v1/holds/${id}/settle`, token: tokens[accountOf.get(id) ?? 0] ?? '', body: JSON.stringify({ amount: '0.01' }) })),
  });
  const captured = answered(settled, 200, 'captured');
  for (const [holdId, held] of open) {
    caller.acknowledged.push({ accountId: ids[accountOf.get(holdId) ?? 0] ?? '', holdId, held, charged: captured.get(holdId) });
  }
  return [tell('hold', placed, open.size), tell('settle', settled, captured.size)];
}

/** Amounts by hold, of the answers that acknowledge. */
function answered({ answers }: BurstResult, status: number, field: string): Map<string, number> {
  return new Map(answers.filter((each) => each.status === status).map(({ body }) => {
    const answer = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return [String(answer['id']), creditsIn(answer, field)];
  }));
}

function tell(what: Told['what'], { answers, durationMs, latencyMs }: BurstResult, done: number): Told {
  const refused = answers.filter(({ status }) => status >= 300);
  const says = (outcome: string) => refused.filter(({ status, body }) => status === 503 && body.includes(`"outcome":"${outcome}"`));
  const other = refused.filter(({ status, body }) => status !== 503 || !body.includes('"outcome":'));
  return {
    what, durationMs, sent: answers.length, done, notExecuted: says('not_executed').length, unknown: says('unknown').length,
    other: other.map(({ status, body }) => `${what} ${status} ${body.slice(0, 120)}`), ...latencyMs,
  };
}

const speedOf = (told: readonly Told[], what: Told['what']): number =>
  median(told.filter((each) => each.what === what).map(({ done, durationMs }) => done / durationMs * 1_000));

function report({ most, over }: Measured, losses: readonly string[]): PartResult {
  const row = (name: string, told: readonly Told[], what: Told['what']): (string | number)[] => {
    const all = told.filter((each) => each.what === what);
    const perSecond = (of: (each: Told) => number): string => median(all.map((each) => of(each) / each.durationMs * 1_000)).toFixed(0);
    return [
      name, what, perSecond(({ sent }) => sent), perSecond(({ done }) => done), perSecond(({ notExecuted }) => notExecuted),
      sum(all.map(({ unknown }) => unknown)), median(all.map(({ p50 }) => p50)).toFixed(1), median(all.map(({ p99 }) => p99)).toFixed(1),
    ];
  };
  const goodput = (what: Told['what']): number[] => over.filter((each) => each.what === what)
    .map(({ done, durationMs }) => done / durationMs * 1_000 / speedOf(most, what));
  return {
    figures: [
      {
        id: 'P10', name: 'holds per second at twice the maximum ÷ the maximum', target: { atLeast: 0.9 }, values: goodput('hold'),
        limitedBy: 'a refusal takes a share of the processor as well',
      },
      { id: 'P10', name: 'the same of settles', target: { atLeast: 0.9 }, values: goodput('settle') },
      {
        id: 'P10', name: 'answers with an unknown outcome while Redis was healthy', target: { atMost: 0 },
        values: [sum([...most, ...over].map(({ unknown }) => unknown))],
      },
    ],
    tables: [{
      title: `ROLE=all, the load on the same machine; ${CONNECTIONS} callers, and ${CROWD} at twice the rate: medians`,
      columns: ['', '', 'answers/s', 'done/s', 'refused/s', 'unknown', 'p50 ms', 'p99 ms'],
      rows: (['hold', 'settle'] as const).flatMap((what) => [row('maximum', most, what), row('twice', over, what)]),
    }],
    problems: [...[...most, ...over].flatMap(({ other }) => other).slice(0, 10), ...losses],
  };
}
