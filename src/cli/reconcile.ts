import { composeOversight } from '../compose/oversight.js';
import { readConfig } from '../config.js';
import { compareAccounts } from '../journal/reconcile/compare-account.js';
import type { Comparison, Difference } from '../journal/reconcile/comparison.js';
import { pageAfter } from '../journal/reconcile/reconcile-state.table.js';
import { accountsWithFindings } from '../journal/reconcile/finding.table.js';
import { carryOut, planRepair, type RepairCommand, type RepairDeps, type RepairPlan } from '../journal/reconcile/repair-account.js';
import { systemClock } from '../kit/clock.js';
import { isStorable } from '../kit/ids.js';
import { NOTES_LENGTH_MAX, REPAIRS_MAX } from '../kit/limits.js';
import { openCliCore, type CliCore } from './core.js';
import { printable } from './printable.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway reconcile`: lists what the reconciler found, or compares now. Exit code 1: there is drift. */

async function withCore(work: (opened: CliCore) => Promise<Report>): Promise<Result> {
  const opened = await openCliCore(readConfig(), say);
  try {
    const { lines, isDrift, json } = await work(opened);
    return { json: { drift: isDrift, ...json }, text: lines.join('\n'), exitCode: isDrift ? 1 : 0 };
  } finally {
    await opened.close();
  }
}

/** The open findings; or, compared now, one account or all. Repairs nothing. */
export const reconcile = (options: { readonly account?: string; readonly all: boolean }): Promise<Result> =>
  withCore((opened) => report(opened, options));

export type RepairOptions = { readonly account?: string; readonly dryRun: boolean; readonly actor?: string; readonly reason?: string };

/** Brings accounts with open findings, or the one that is named, to what the books have. */
export function repairAccounts({ account, dryRun, actor = '', reason = '' }: RepairOptions): Promise<Result> {
  if (!dryRun) {
    requireText('--actor', actor);
    requireText('--reason', reason);
  }
  return withCore((opened) => repair(opened, { account, by: dryRun ? null : { actor, reason } }));
}

type Report = { readonly lines: readonly string[]; readonly isDrift: boolean; readonly json: Readonly<Record<string, unknown>> };

async function report(opened: CliCore, { account, all }: { readonly account?: string; readonly all: boolean }): Promise<Report> {
  const oversight = composeOversight(opened.core, opened.log, systemClock);
  if (account !== undefined) {
    const comparison = await oversight.compareNow(await oversight.nameAccount(account));
    return { lines: describe(comparison), isDrift: comparison.result === 'drift', json: { comparison } };
  }
  if (all) return compareAll(opened);
  const { findings, state } = await oversight.readReconciliation();
  const at = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString());
  return {
    isDrift: findings.length > 0, json: { findings, state },
    lines: [
      `last batch ${at(state.lastBatchAtMs)}, last round ${at(state.lastRoundAtMs)}, last complete round ${at(state.lastFullAtMs)}`,
      ...(findings.length === 0 ? ['no drift'] : findings.map((each) => `${each.accountId === ''
        ? 'all accounts'
        : each.accountId}, since ${at(each.firstSeenAtMs)}\n${difference({ ...each, micros: each.differenceMicros })}`)),
    ],
  };
}

function requireText(name: string, text: string): void {
  if (text.trim() !== '' && text.length <= NOTES_LENGTH_MAX && isStorable(text)) return;
  throw new UsageError(`${name} is missing, or longer than ${NOTES_LENGTH_MAX} characters`);
}

type Repair = { readonly account: string | undefined; readonly by: Pick<RepairCommand, 'actor' | 'reason'> | null };

/** `by` null: only shows what a repair would write. */
async function repair({ core, log }: CliCore, { account, by }: Repair): Promise<Report> {
  const { drainDb: db, redis, keys, fence, drainNow: drain } = core;
  const oversight = composeOversight(core, log, systemClock);
  const deps = { db, redis, keys, fence, drain, clock: systemClock };
  const accountIds = account === undefined
    ? (await accountsWithFindings(db, REPAIRS_MAX)).filter((each) => each !== '') : [await oversight.nameAccount(account)];
  const lines: string[] = [];
  let isDrift = false;
  for (const accountId of accountIds) {
    const plan = await planRepair(deps, accountId);
    const outcome = await repairOne(deps, accountId, plan, by);
    lines.push(`${printable(accountId)}  ${outcome.text}`, ...(plan.status === 'nothing_to_do' ? [] : plan.differences.map(difference)));
    isDrift ||= !outcome.isDone;
    // Resolves the findings, or finds what is left.
    if (by !== null) await oversight.compareNow(accountId);
  }
  return { lines: lines.length === 0 ? ['no drift'] : lines, isDrift, json: { accounts: accountIds, lines } };
}

async function repairOne(
  deps: RepairDeps, accountId: string, plan: RepairPlan, by: Repair['by'],
): Promise<{ readonly text: string; readonly isDone: boolean }> {
  if (plan.status === 'nothing_to_do') return { text: 'nothing to repair in Redis', isDone: true };
  if (plan.status === 'refused') return { text: `not repaired: ${plan.reason}`, isDone: false };
  if (plan.audited.length > 0) {
    return { text: `not repaired: the books contradict themselves: ${plan.audited.map(({ actual }) => actual).join('; ')}`, isDone: false };
  }
  if (by === null) {
    return { text: `would write entry ${plan.seq}, repair, which moves nothing; Redis would get what is expected:`, isDone: false };
  }
  const repaired = await carryOut(deps, plan, 'repair', { accountId, source: 'reconciler', ...by });
  if (repaired.status === 'changed') return { text: `repaired with entry ${repaired.seq}; Redis has what was expected:`, isDone: true };
  return {
    text: repaired.status === 'closed' ? 'not repaired: its shard is being verified' : 'not repaired: it was written to; run it again',
    isDone: false,
  };
}

async function compareAll({ core: { drainDb: db, redis, keys, fence, drain } }: CliCore): Promise<Report> {
  const counts = { ok: 0, drift: 0, busy: 0, failed: 0 };
  const lines: string[] = [];
  for (let page = await pageAfter(db, ''); page.accountIds.length > 0; page = await pageAfter(db, page.accountIds.at(-1) ?? '')) {
    for (const comparison of await compareAccounts({ db, redis, keys, fence, drain }, page.accountIds, { newest: null })) {
      counts[comparison.result] += 1;
      if (comparison.result === 'drift' || comparison.result === 'failed') lines.push(...describe(comparison));
    }
    say(`${counts.ok + counts.drift + counts.busy + counts.failed} accounts, ${counts.drift} with drift`);
  }
  return {
    lines: [...lines, `${counts.ok} agree, ${counts.drift} with drift, ${counts.busy} busy, ${counts.failed} could not be compared`],
    isDrift: counts.drift > 0, json: { counts, lines },
  };
}

function describe({ accountId, shard, seq, result, reason, differences }: Comparison): string[] {
  const at = seq === null ? 'not in Redis' : `entry ${seq}`;
  const line = `${printable(accountId)}  shard ${shard}  ${at}  ${result}${reason === null ? '' : `: ${reason}`}`;
  return [line, ...differences.map(difference)];
}

function difference({ check, expected, actual, micros }: Difference): string {
  return `  ${check}: ${micros} micros\n    expected ${expected}\n    found    ${actual}`;
}
