import Type from 'typebox';
import type { GlobalSums } from '../../journal/reconcile/audit.table.js';
import type { Comparison } from '../../journal/reconcile/comparison.js';
import type { Finding, OpenDrift } from '../../journal/reconcile/finding.table.js';
import type { ReconcileState } from '../../journal/reconcile/reconcile-state.table.js';
import type { ShardReport } from '../../journal/shard-report.js';
import { creditsText } from '../../kit/money/credits.js';
import { AMOUNTS, type AmountName } from '../../ledger/figures.js';
import { allow } from '../auth/allow.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountNameText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { ListOf, wholeList } from './lists.js';
import { AmountOut, OptionalTimeOut, TimeOut, timeText, timeTextOrNull } from './values.js';

export type Reconciliation = {
  readonly state: ReconcileState;
  readonly open: readonly OpenDrift[];
  /** At most PAGE_MAX, the newest first. */
  readonly findings: readonly Finding[];
  readonly sums: GlobalSums;
};

export type ReconcileRouteDeps = {
  readonly nameAccount: (text: string) => Promise<string>;
  readonly readReconciliation: () => Promise<Reconciliation>;
  /** Compares one account now, completely, and stores its findings. */
  readonly compareNow: (accountId: string) => Promise<Comparison>;
  readonly startFullRound: () => Promise<void>;
  readonly readShards: () => Promise<readonly ShardReport[]>;
};

const startBody = nativeBody(Strict({ account: Type.Optional(accountNameText()) }));

const TextOrNull = () => Type.Union([Type.String(), Type.Null()]);
const IntegerOrNull = () => Type.Union([Type.Integer(), Type.Null()]);
const Compared = Type.Object({
  account: Type.String(), shard: Type.Integer(), seq: IntegerOrNull(), result: Type.Enum(['ok', 'drift', 'busy', 'failed']),
  reason: TextOrNull(),
  differences: Type.Array(Type.Object({
    check: Type.String(), expected: Type.String(), actual: Type.String(), differenceMicros: Type.Integer(),
  })),
});
const State = Type.Object({
  lastBatchAt: OptionalTimeOut(), lastRoundAt: OptionalTimeOut(), lastRoundAccounts: IntegerOrNull(), lastFullRoundAt: OptionalTimeOut(),
  round: Type.Object({ full: Type.Boolean(), accounts: Type.Integer() }),
  fullRoundWanted: Type.Boolean(),
  open: Type.Array(Type.Object({ check: Type.String(), accounts: Type.Integer(), differenceMicros: Type.Integer() })),
  findings: Type.Array(Type.Object({
    id: Type.String(), account: TextOrNull(), check: Type.String(), shard: IntegerOrNull(), seq: IntegerOrNull(),
    expected: Type.String(), actual: Type.String(),
    differenceMicros: Type.Integer(), firstSeenAt: TimeOut(), lastSeenAt: TimeOut(),
  })),
  sums: Type.Object({
    accounts: Type.Integer(),
    conserves: Type.Boolean({ description: 'granted = available + held + captured + expired + removed - debt, exactly' }),
    ...Object.fromEntries(AMOUNTS.map((name) => [name, AmountOut()])),
  }),
});
const Shards = ListOf(Type.Object({
  shard: Type.Integer(), epoch: Type.Integer(), cursor: Type.String(), lagEntries: Type.Integer(), stoppedReason: TextOrNull(),
}));

/** Differences between Redis and Postgres, and the state of the journal. */
export function reconcileRoutes(add: AddRoute, deps: ReconcileRouteDeps): void {
  add('GET', '/v1/reconciliation', allow('admin'), {
    summary: 'State of the reconciler and the open differences', replies: { 200: State },
    errors: ['ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, presentReconciliation(await deps.readReconciliation()));
  });

  add('POST', '/v1/reconciliation', allow('admin'), {
    summary: 'Compare an account now, or begin a complete round', body: startBody,
    replies: { 200: Compared, 202: Type.Object({ status: Type.Enum(['started']) }) },
    errors: ['account_not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx, { body: { account } }) => {
    if (account === undefined) {
      await deps.startFullRound();
      reply(ctx, 202, { status: 'started' });
      return;
    }
    reply(ctx, 200, presentComparison(await deps.compareNow(await deps.nameAccount(account))));
  });

  add('GET', '/v1/shards', allow('admin'), {
    summary: 'Shards of the journal: how far Postgres is, and which are stopped', replies: { 200: Shards },
    errors: ['ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, wholeList(await deps.readShards()));
  });
}

export const presentComparison = ({ accountId, shard, seq, result, reason, differences }: Comparison) => ({
  account: accountId, shard, seq, result, reason,
  differences: differences.map(({ check, expected, actual, micros }) => ({ check, expected, actual, differenceMicros: micros })),
});

function presentReconciliation({ state, open, findings, sums }: Reconciliation): object {
  const of = (name: AmountName): bigint => BigInt(sums[name]);
  return {
    lastBatchAt: timeTextOrNull(state.lastBatchAtMs), lastRoundAt: timeTextOrNull(state.lastRoundAtMs),
    lastRoundAccounts: state.lastRoundAccounts, lastFullRoundAt: timeTextOrNull(state.lastFullAtMs),
    round: { full: state.roundIsFull, accounts: state.roundAccounts },
    fullRoundWanted: state.fullWanted,
    open: open.map(({ check, accounts, micros }) => ({ check, accounts, differenceMicros: micros })),
    findings: findings.map((each) => ({
      id: String(each.findingId), account: each.accountId === '' ? null : each.accountId, check: each.check, shard: each.shard,
      seq: each.seq, expected: each.expected, actual: each.actual,
      differenceMicros: each.differenceMicros, firstSeenAt: timeText(each.firstSeenAtMs), lastSeenAt: timeText(each.lastSeenAtMs),
    })),
    sums: {
      accounts: sums.accounts,
      conserves: of('granted') === of('available') + of('held') + of('captured') + of('expired') + of('removed') - of('debt'),
      ...Object.fromEntries(AMOUNTS.map((name) => [name, creditsText(of(name))])),
    },
  };
}
