import { parseArgs } from 'node:util';
import { composeOversight } from '../compose/oversight.js';
import { readConfig } from '../config.js';
import { compareAccounts } from '../journal/reconcile/compare-account.js';
import type { Comparison, Difference } from '../journal/reconcile/comparison.js';
import { accountsAfter } from '../journal/reconcile/reconcile-state.table.js';
import { RECONCILE_ACCOUNTS_MAX } from '../kit/limits.js';
import { openCliCore, type CliCore } from './core.js';
import { printable } from './printable.js';
import { runCli } from './run-cli.js';

/** `npm run reconcile`: lists what the reconciler found, or compares now. Exit code 1 when there is drift. */

const USAGE = `usage: npm run reconcile
       npm run reconcile -- --account <id, username or e-mail>
       npm run reconcile -- --all

Without an option: the differences that the reconciler has found and that are still open. --account compares one account
now, --all every one, with all their entries. Nothing is repaired. Ends with 1 when there is drift.`;

await runCli(USAGE, async () => {
  const { values } = parseArgs({ options: { account: { type: 'string' }, all: { type: 'boolean', default: false } } });
  const opened = await openCliCore(readConfig(), progress);
  try {
    const { lines, isDrift } = await report(opened, values);
    if (isDrift) process.exitCode = 1;
    return lines.join('\n');
  } finally {
    await opened.close();
  }
});

type Report = { readonly lines: readonly string[]; readonly isDrift: boolean };

async function report(opened: CliCore, { account, all }: { readonly account?: string; readonly all: boolean }): Promise<Report> {
  const oversight = composeOversight(opened.core, opened.log);
  if (account !== undefined) {
    const comparison = await oversight.compareNow(await oversight.nameAccount(account));
    return { lines: describe(comparison), isDrift: comparison.result === 'drift' };
  }
  if (all) return compareAll(opened);
  const { findings, state } = await oversight.readReconciliation();
  const at = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString());
  return {
    isDrift: findings.length > 0,
    lines: [
      `last batch ${at(state.lastBatchAtMs)}, last round ${at(state.lastRoundAtMs)}, last complete round ${at(state.lastFullAtMs)}`,
      ...(findings.length === 0 ? ['no drift'] : findings.map((each) => `${each.accountId === ''
        ? 'all accounts'
        : each.accountId}, since ${at(each.firstSeenAtMs)}\n${difference({ ...each, micros: each.differenceMicros })}`)),
    ],
  };
}

async function compareAll({ core: { drainDb: db, redis, keys, fence, drain } }: CliCore): Promise<Report> {
  const counts = { ok: 0, drift: 0, busy: 0, failed: 0 };
  const lines: string[] = [];
  for (let page = await accountsAfter(db, '', RECONCILE_ACCOUNTS_MAX); page.length > 0; page = await accountsAfter(
    db, page.at(-1) ?? '', RECONCILE_ACCOUNTS_MAX,
  )) {
    for (const comparison of await compareAccounts({ db, redis, keys, fence, drain }, page, { newest: null })) {
      counts[comparison.result] += 1;
      if (comparison.result === 'drift' || comparison.result === 'failed') lines.push(...describe(comparison));
    }
    progress(`${counts.ok + counts.drift + counts.busy + counts.failed} accounts, ${counts.drift} with drift`);
  }
  return {
    lines: [...lines, `${counts.ok} agree, ${counts.drift} with drift, ${counts.busy} busy, ${counts.failed} could not be compared`],
    isDrift: counts.drift > 0,
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

function progress(line: string): void {
  console.error(line.trimEnd());
}
