import { setTimeout as sleep } from 'node:timers/promises';
import type { Freshen } from '../../journal/freshen.js';
import type { Difference } from '../../journal/reconcile/comparison.js';
import { freezeInDrift, type FrozenInDrift } from '../../journal/reconcile/freeze-drifting.js';
import { planRepair, type RepairDeps } from '../../journal/reconcile/repair-account.js';
import { orLate } from '../../kit/deadline.js';
import { GatewayError } from '../../kit/errors.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { rethrow } from '../../stores/postgres/errors.js';

export type FreezeDeps = {
  readonly ledger: Pick<Ledger, 'freeze' | 'thaw'>;
  readonly freshen: Pick<Freshen, 'account'>;
  /** Compares the account with the books. */
  readonly comparing: RepairDeps;
};

/** `reason` is storable text (ids.ts) of at most NOTES_LENGTH_MAX characters, and not empty. */
export type FreezeCommand = { readonly accountId: string; readonly reason: string; readonly actor: string };

/** `changed` false: the account already was in this state, and the first reason is kept. */
export type Frozen = { readonly accountId: string; readonly frozen: boolean; readonly changed: boolean };

/** How often an account that is written to meanwhile is compared, and the pause before the next look, times its number. */
const LOOKS_MAX = 4;
const WAIT_MS = 25;
/** How long a freeze waits for the comparison. */
const COMPARE_MS = 2_000;

/**
 * Refuses every write to an account: holds, settlements, charges and grants fail with account_frozen until it is thawed. A
 * refused grant is not retried; a settlement from a queue is. An account that differs from the books is frozen as it is, with an
 * entry that states what the books have. Where it cannot be compared, as while Postgres is down, it is frozen without that, which
 * is better than not freezing it.
 *
 * @throws GatewayError ledger_unavailable.
 */
export async function freezeAccount(deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> {
  const { accountId } = command;
  const inDrift = await orLate(COMPARE_MS, whereDrifting(deps, command), () => 'undecided' as const).catch(undecidedWhileAway);
  if (inDrift === 'changed' || inDrift === 'unchanged') {
    await freshened(deps, accountId);
    return { accountId, frozen: true, changed: inDrift === 'changed' };
  }
  const { status } = await deps.ledger.freeze({ accountId, about: aboutOf(command) });
  await freshened(deps, accountId);
  return { accountId, frozen: true, changed: status === 'changed' };
}

/**
 * Allows writes again. Holds and lots whose time passed meanwhile expire within seconds. Only an account that agrees with the books:
 * after the thaw of another one, its first entry would not follow from the books, and stop its shard.
 *
 * @throws GatewayError conflict when the account differs from the books, or its shard is stopped; ledger_unavailable, also while
 * Postgres does not answer.
 */
export async function thawAccount(deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> {
  const { accountId } = command;
  await refuseDrift(deps, accountId);
  const { status } = await deps.ledger.thaw({ accountId, about: aboutOf(command) });
  await freshened(deps, accountId);
  return { accountId, frozen: false, changed: status === 'changed' };
}

async function whereDrifting({ comparing }: FreezeDeps, command: FreezeCommand): Promise<FrozenInDrift> {
  for (let look = 1; ; look += 1) {
    const result = await freezeInDrift(comparing, { source: 'administration', ...command });
    if (result !== 'undecided' || look === LOOKS_MAX) return result;
    await sleep(look * WAIT_MS);
  }
}

async function refuseDrift({ comparing }: FreezeDeps, accountId: string): Promise<void> {
  for (let look = 1; ; look += 1) {
    const plan = await planRepair(comparing, accountId, 'freeze').catch(rethrow);
    if (plan.status === 'nothing_to_do') return;
    // Books that contradict themselves, and that Redis agrees with, have entries that follow from each other.
    if (plan.status === 'differs' && plan.differences.length === 0) return;
    if (plan.status === 'differs' || plan.differences.length > 0) throw drifts(accountId, plan.differences);
    if (look === LOOKS_MAX) throw notComparable(plan);
    await sleep(look * WAIT_MS);
  }
}

const drifts = (accountId: string, differences: readonly Difference[]): GatewayError => new GatewayError(
  'conflict',
  `the account differs from the books (${differences.map(({ check, expected, actual }) =>
    `${check}: ${expected} expected, ${actual} found`).join('; ')}); repair it first: ` +
    `credit-gateway reconcile repair --account ${accountId}`,
);

const notComparable = ({ reason, isLasting }: { readonly reason: string; readonly isLasting: boolean }): GatewayError =>
  new GatewayError(isLasting ? 'conflict' : 'ledger_unavailable', `the account cannot be compared with the books: ${reason}`, {
    outcome: 'not_executed',
  });

const aboutOf = ({ actor, reason }: FreezeCommand): string => writeFacts({ type: 'change', source: 'administration', actor, reason });

/**
 * Written to Postgres before the answer, so that the freeze survives a loss of Redis. Also after a repeat, because the first
 * attempt may have crashed before. While Postgres is down the freeze is only in Redis.
 */
async function freshened({ freshen }: FreezeDeps, accountId: string): Promise<void> {
  await freshen.account(accountId).catch(undecidedWhileAway);
}

function undecidedWhileAway(error: unknown): 'undecided' {
  if (error instanceof GatewayError && error.code === 'ledger_unavailable') return 'undecided';
  throw error;
}
