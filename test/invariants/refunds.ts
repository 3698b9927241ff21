import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { planRefund } from '../../src/credits/refunds/plan-refund.js';
import { micros } from '../../src/kit/money/micros.js';
import type { JournalEntry } from '../../src/ledger/entry.js';
import { ruleText } from '../../src/ledger/lot-rule.js';
import type { RefundPart } from '../../src/ledger/return-commands.js';
import type { TestLedger } from '../support/ledger.js';
import type { AccountModel, ModelCapture, ModelHold } from './account-model.js';

/** Refunds in random histories: planned from the journal as Postgres would have it, applied by the script, compared with the model. */

export type RefundCommand = {
  readonly op: 'refund';
  readonly of: 'hold' | 'charge';
  readonly which: number;
  readonly share: 'all' | 'half' | 'one' | 'beyond';
  /** In steps; 0: what came from an ended lot expires at once. */
  readonly grace: number;
};

export const refundCommand: fc.Arbitrary<RefundCommand> = fc.record({
  op: fc.constant('refund' as const), of: fc.constantFrom('hold' as const, 'charge' as const), which: fc.nat({ max: 5 }),
  share: fc.constantFrom('all' as const, 'half' as const, 'half' as const, 'one' as const, 'beyond' as const),
  grace: fc.constantFrom(0, 1, 3),
});

/** All lives end in the middle of a step (history.ts). */
const STEP_MS = 60_000;
/**
 * A grace begins at the time of Redis, which runs on within a step; other lots end in the middle of a step, by the model's time.
 * A quarter of a step later, none of them ends together with a lot of a refund, whichever of the two is a millisecond ahead.
 */
const graceOf = (steps: number): number => steps * STEP_MS - STEP_MS / 4;
const DEBT_GRACE_MS = graceOf(2);

type Under = {
  readonly under: TestLedger; readonly accountId: string; readonly model: AccountModel; readonly now: number;
  /** Of the lot that the refund may open. */
  readonly lotId: string;
};

export async function refundIn({ under, accountId, model, now, lotId }: Under, { of, which, share, grace }: RefundCommand): Promise<void> {
  // Any of them, newest first: most commands then find one.
  const hold = of === 'hold' ? model.holds.filter(({ state }) => state !== 'open').at(-1 - which) ?? model.holds.at(-1) : undefined;
  const nth = Math.max(0, model.captures.length - 1 - which);
  const capture = of === 'hold' ? hold?.capture : model.captures[nth];
  if (capture === undefined || hold?.state === 'open') return;
  // Its charge may still change: the use case refuses to refund it (find-captured.ts).
  if (hold?.state === 'expired' && hold.policy === 'charge_reported') return;
  const left = model.refundable(capture);
  const amount = { all: null, half: Math.ceil(left / 2), one: 1, beyond: left + 1 }[share];
  const plan = await planned({ under, accountId, model, capture, of, nth, hold }, amount);
  const wanted = amount ?? left;
  if (wanted === 0 || wanted > left) {
    expect(plan).toEqual({ status: 'exceeds', left });
    return;
  }
  expect(plan).toMatchObject({ status: 'planned', amount: wanted });
  const graceMs = grace === 0 ? null : graceOf(grace);
  const key = `intent:${randomUUID()}`;
  const run = () => under.ledger.refund({
    accountId, lotId, amount: micros(wanted), parts: plan.parts, graceMs, debtGraceMs: DEBT_GRACE_MS, holdId: hold?.id ?? '', key,
    about: '{}',
  });
  if (model.frozen) {
    expect(await run()).toEqual({ status: 'account_frozen' });
    return;
  }
  const debtPaid = Math.min(model.debt, wanted);
  model.refund(now, capture, wanted, lotId, graceMs, DEBT_GRACE_MS);
  const reply = await run();
  expect(reply).toMatchObject({ status: 'refunded', replayed: false, debtPaid, available: model.available(now) });
  expect(await run()).toEqual({ ...reply, replayed: true });
}

type Asked = {
  readonly under: TestLedger; readonly accountId: string; readonly model: AccountModel; readonly capture: ModelCapture;
  readonly of: 'hold' | 'charge';
  readonly nth: number; readonly hold: ModelHold | undefined;
};

async function planned({ under, accountId, model, capture, of, nth, hold }: Asked, amount: number | null) {
  const journal = await under.journal(accountId);
  const entries = of === 'hold'
    ? journal.filter((entry) => entry.holdId === hold?.id && entry.captured !== 0 && entry.kind !== 'refund')
    : journal.filter(({ kind }) => kind === 'charge').slice(nth, nth + 1);
  const plan = planRefund({
    entries, refunded: micros(capture.refunded), amount: amount === null ? null : micros(amount),
    holdParts: (hold?.parts ?? []).map(({ lot, amount: size }) => ({ lotId: lot, amount: micros(size) })),
  });
  if (plan.status === 'exceeds') return { ...plan, parts: undefined as never };
  return { ...plan, parts: plan.parts.map(({ lotId, amount: size }): RefundPart => (lotId === null
    ? { lotId, amount: size } : { lotId, amount: size, ...factsOf(journal, model, lotId) })) };
}

/** The facts of a lot as the books have them: its first entry opened it. */
function factsOf(journal: readonly JournalEntry[], model: AccountModel, lotId: string) {
  const opening = journal.find(({ lots }) => lots.some((lot) => lot.lotId === lotId));
  if (opening === undefined) throw new Error(`no lot ${lotId} was opened`);
  const { amount, expiresAt, rule } = model.lot(lotId);
  const expiresAtMs = expiresAt === Infinity ? null : expiresAt;
  return { lotAmount: micros(amount), expiresAtMs, grantedAtMs: opening.atMs, rule: ruleText(rule) };
}
