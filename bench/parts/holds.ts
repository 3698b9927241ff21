import { MICROS_PER_CREDIT } from '../../src/kit/money/micros.js';
import { drainedAll, findLosses } from '../acknowledged.js';
import { CREDITS_PER_ACCOUNT } from '../bench-accounts.js';
import { bind, separateCores } from '../cores.js';
import type { Part, PartOptions, PartResult } from '../part.js';
import { median } from '../statistics.js';
import { capacityText } from './holds-capacity.js';
import { holdFigures, holdPlots, holdTables, type Paced } from './holds-figures.js';
import { emptyTally, runLeg, runPaced, type Leg, type Tally } from './holds-legs.js';
import { openStage, type Side, type Stage } from './holds-stage.js';

type Size = {
  readonly rounds: number; readonly warmUp: number; readonly requests: number; readonly accounts: number; readonly connections: number;
  readonly pacedRounds: number; readonly pacedSeconds: number;
};
const FULL: Size = { rounds: 5, warmUp: 1, requests: 3_000, accounts: 64, connections: 64, pacedRounds: 3, pacedSeconds: 5 };
const QUICK: Size = { rounds: 1, warmUp: 0, requests: 240, accounts: 16, connections: 16, pacedRounds: 1, pacedSeconds: 1 };
/** The slow sides get fewer requests, so that a round takes about as long on each. */
const SLOWER = { postgres: 2, orm: 12, hotPostgres: 3 };

/** Holds and settles over HTTP, by the gateway and by what it is compared with, in rounds in which each side has its turn. */
export const holds: Part = {
  name: 'holds',
  about: 'holds and settles over HTTP, compared with bare Koa, Postgres alone and check-then-write (P1 to P5)',
  run: async ({ quick, say }) => {
    const size = quick ? QUICK : FULL;
    say('starting the gateway, its stores and the baselines ...');
    const cores = await separateCores();
    if (cores !== null) await bind(process.pid, cores.others); // and so what it starts
    try {
      const stage = await openStage(size.accounts, cores, say);
      return await compare(stage, size, say).finally(stage.close);
    } finally {
      if (cores !== null) await bind(process.pid, cores.all);
    }
  },
};

async function compare(stage: Stage, size: Size, say: PartOptions['say']): Promise<PartResult> {
  const tally = emptyTally(stage);
  const { connections, requests } = size;
  const legs: readonly Leg[] = [
    { side: 'bare', requests, connections }, { side: 'gateway', requests, connections },
    { side: 'postgres', requests: requests / SLOWER.postgres, connections }, { side: 'byHand', requests, connections },
    { side: 'noWait', requests: requests / SLOWER.postgres, connections }, { side: 'orm', requests: requests / SLOWER.orm, connections },
    { side: 'gateway', requests, connections, isHot: true },
    { side: 'postgres', requests: requests / SLOWER.hotPostgres, connections, isHot: true },
    { side: 'orm', requests: requests / SLOWER.orm, connections, isHot: true },
  ];
  for (let round = -size.warmUp; round < size.rounds; round += 1) {
    say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${size.rounds}`);
    // Each round begins with another side, so that a slow phase of the machine affects all.
    for (const index of legs.keys()) {
      const leg = legs[(index + round + size.warmUp) % legs.length];
      if (leg !== undefined) await runLeg(stage, tally, leg, round);
    }
  }
  const paced = await pacedRounds(stage, tally, size, say);
  await drainedAll(stage.view, stage.accounts.ids);
  const lost = await findLosses(stage.view.db, stage.view.ledger, stage.accounts.ids, tally.acknowledged);
  const baseline = await checkPostgresOnly(stage, tally);
  return {
    figures: holdFigures(tally, paced),
    tables: holdTables(stage, tally, paced),
    plots: holdPlots(tally),
    blocks: { 'docs/capacity.md': capacityText(tally.pairs) },
    problems: [
      ...[...tally.refused].filter(([said]) => !said.startsWith('orm')).map(([said, times]) => `${times} times ${said}`),
      ...lost, ...baseline,
    ],
    notes: [
      stage.cores === null ? 'all processes shared all processors' : `the server under test ran on processor ${stage.cores.server}, `
        + `the stores, the worker and the load generator (${stage.load.name}) on ${stage.cores.others}`,
      `the gateway acknowledged ${tally.operations.get('gateway') ?? 0} operations, and Postgres has each of them with its amount`,
      await lostByCheckThenWrite(stage),
      ...[...tally.busy].map(([side, count]) => `${side} refused ${count} requests with 503 because it was busy`),
      ...[...tally.unknown].map(([side, count]) => `${side} did not answer ${count} requests in time`),
    ],
  };
}

/** Half of what each side was measured to do at most. */
async function pacedRounds(stage: Stage, tally: Tally, size: Size, say: PartOptions['say']): Promise<Paced[]> {
  const { connections } = size;
  const paced: Paced[] = [];
  for (let round = 0; round < size.pacedRounds; round += 1) {
    say(`half of the load, round ${round + 1} of ${size.pacedRounds}`);
    for (const side of round % 2 === 0 ? (['bare', 'gateway'] as const) : (['gateway', 'bare'] as const)) {
      const most = median(tally.bursts.filter((each) => each.side === side && each.what === 'hold' && !each.isHot)
        .map(({ perSecond }) => perSecond));
      const perSecond = most / 2;
      const result = await runPaced(stage, tally, { side, requests: Math.round(perSecond * size.pacedSeconds), connections, perSecond });
      paced.push({ round, side, perSecond: result.answers.length / result.durationMs * 1_000, ...result.latencyMs });
    }
  }
  return paced;
}

/** The baseline must keep its books as well, or it would be compared for something that it does not do. */
async function checkPostgresOnly({ tables, accounts }: Stage, { operations, unknown }: Tally): Promise<string[]> {
  const { rows: [row] } = await tables.query<{ total: string; captured: string; entries: string }>(`
    select sum(available + held)::text as total, (select coalesce(sum(captured), 0)::text from baseline.holds) as captured,
      (select count(*)::text from baseline.entries) as entries from baseline.accounts`);
  const granted = accounts.ids.length * CREDITS_PER_ACCOUNT * MICROS_PER_CREDIT;
  const of = (counts: ReadonlyMap<Side, number>): number => (counts.get('postgres') ?? 0) + (counts.get('noWait') ?? 0);
  const [acknowledged, maybe] = [of(operations), of(unknown)];
  const [total = NaN, captured = NaN, entries = NaN] = [row?.total, row?.captured, row?.entries].map(Number);
  return [
    ...(total + captured === granted ? [] : [`Postgres-only: ${total} left and ${captured} captured of ${granted} micros`]),
    ...(entries >= acknowledged && entries <= acknowledged + maybe
      ? [] : [`Postgres-only: ${acknowledged} operations acknowledged, ${entries} entries`]),
  ];
}

/** What a design that checks and then writes has lost. It may. */
async function lostByCheckThenWrite({ tables }: Stage): Promise<string> {
  const { rows: [row] } = await tables.query<{ wrong: string; count: string }>(`
    with expected as (
      select b.user_id, b.balance, ${CREDITS_PER_ACCOUNT} - coalesce((select sum(case status when 'completed' then used else allocated end)
        from baseline.orm_sessions s where s.user_id = b.user_id), 0) as right_balance
      from baseline.orm_balances b)
    select coalesce(sum(abs(balance - right_balance)), 0)::text as wrong, count(*) filter (where balance <> right_balance)::text as count
    from expected`);
  return `check-then-write: ${row?.count ?? '?'} balances wrong by ${Number(row?.wrong)} credits in all; `
    + 'without a lock, two calls of one user at once lose an update, as on the one hot account';
}
