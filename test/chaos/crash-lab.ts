import { expect } from '@jest/globals';
import { moneyIn, replayPending, type MoneyIn, type MoneyInDeps } from '../../src/credits/grants/money-in.js';
import { resumeTransfers } from '../../src/credits/transfers/resume-transfers.js';
import type { Drain } from '../../src/journal/drain.js';
import { freshen, type Freshen } from '../../src/journal/freshen.js';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import { checkPostgres } from '../support/books-postgres.js';
import { doomed, type Doomed } from '../support/crash-points.js';
import { durableLedger, type DurableLedger, type DurableOptions } from '../support/durable-ledger.js';
import { volume } from '../support/volume.js';

/** One run of a flow, with accounts of its own. */
export type Case = {
  readonly accounts: readonly string[];
  /** What the process does that crashes; the caller repeats it. */
  readonly run: (process: Doomed) => Promise<unknown>;
  /** What must hold when the jobs have run: all of it has happened, or nothing. */
  readonly allOrNothing: () => Promise<void>;
  /** What must hold when the caller has repeated it. */
  readonly happenedOnce: () => Promise<void>;
};

/** Parts of a process. */
type Parts = MoneyInDeps & { readonly drain: Drain; readonly freshen: Freshen; readonly moneyIn: MoneyIn };

export type CrashLab = {
  readonly under: DurableLedger;
  readonly partsOf: (process: Doomed) => Parts;
  /** A process that never crashes. */
  readonly living: () => Doomed;
  /** Runs a flow with a crash at each of its calls, or at every n-th of a long one. Returns the names of the calls. */
  readonly crashEverywhere: (begin: () => Promise<Case>, every?: number) => Promise<readonly string[]>;
};

const SHARDS = [0, 1, 2, 3];
/** In the suite every third call, before it and after another one; in a soak each. */
const EVERY = volume(3, 1);

/**
 * Crashes at every point at which a process waits for another one: before its call was sent, and after it was executed. The
 * points are not listed but counted: each flow runs again and again, and ends one call later each time, until it ends by
 * itself. Then other processes do what the worker's jobs do, and crash once at the same call; and the caller repeats its request.
 */
export async function crashLab(options: DurableOptions = {}): Promise<CrashLab> {
  const under = await durableLedger(options);
  const { db, sharded: redis, keys } = under;

  const partsOf = ({ ports }: Doomed): Parts => {
    const { ledger, drain } = under.processOn(ports);
    const money = { db: ports.db, ledger };
    return { ...money, drain, freshen: freshen(drain, keys), moneyIn: moneyIn(money) };
  };
  const living = (): Doomed => doomed({ db, redis }, null);

  /**
   * The jobs of a worker that move money or its journal. They run whatever the flow is: none may spoil the work of another. A drain
   * marks intents as applied, so what a crash left pending is applied again only before it.
   */
  const jobs = async (process: Doomed, first: 'drain' | 'replay'): Promise<void> => {
    const parts = partsOf(process);
    if (first === 'drain') await parts.drain(SHARDS);
    await replayPending(parts, 0, 100);
    await resumeTransfers(parts, 0, 100);
    await parts.drain(SHARDS);
  };

  const agree = async (accounts: readonly string[]): Promise<void> => {
    const deps = { db, redis, keys, fence: under.fence, drain: under.runDrain };
    for (const accountId of accounts) expect(await compareAccount(deps, accountId)).toMatchObject({ result: 'ok', differences: [] });
  };

  const crashEverywhere: CrashLab['crashEverywhere'] = async (begin, every = EVERY) => {
    await (await begin()).run(living()); // teaches Redis the scripts
    const whole = living();
    await (await begin()).run(whole);
    for (const when of ['before', 'after'] as const) {
      for (let call = when === 'before' ? 0 : Math.floor(every / 2); ; call += every) {
        const { accounts, run, allOrNothing, happenedOnce } = await begin();
        const process = doomed({ db, redis }, { call, when });
        await ended(process, run);
        const [first, then] = when === 'before' ? ['drain', 'replay'] as const : ['replay', 'drain'] as const;
        const at = `${when} call ${call}, ${process.calls[call] ?? 'none'}`;
        try {
          await ended(doomed({ db, redis }, { call, when }), (worker) => jobs(worker, first));
          await jobs(living(), then);
          await agree(accounts);
          await allOrNothing();
          await run(living());
          await jobs(living(), 'replay');
          await agree(accounts);
          await happenedOnce();
        } catch (error) {
          throw new Error(`after a crash ${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        }
        if (!process.isDead()) break;
      }
    }
    const wrong = (await checkPostgres(db, Date.now()))
      .filter(({ wrongCount, check }) => wrongCount > 0 && !check.includes('quarantined'));
    expect(wrong).toEqual([]);
    return whole.calls;
  };

  return { under, partsOf, living, crashEverywhere };
}

async function ended(process: Doomed, work: (process: Doomed) => Promise<unknown>): Promise<void> {
  try {
    await work(process);
  } catch (error) {
    if (!process.isDead()) throw error;
  }
}
