import { eventIdOf, insertEvents, readThresholds, type EventType, type NewEvent, type Threshold } from '../../books/event.table.js';
import { grantIdOf } from '../../books/money-in.table.js';
import { creditsText } from '../../kit/money/credits.js';
import { micros } from '../../kit/money/micros.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

/** Events that callers are told (docs/contracts/native.md#events), written with the entries that they follow from. */
export const outbox: Projection<readonly NewEvent[]> = {
  name: 'events',
  fold: async ({ fresh, factsOf }, trx) => {
    const spenders = new Set(fresh.filter(({ entry }) => balanceChange(entry) < 0).map(({ entry }) => entry.accountId));
    return foldEvents(fresh, factsOf, spenders.size === 0 ? [] : await readThresholds(trx, [...spenders]));
  },
  write: insertEvents,
};

/**
 * The events of a batch, in the order of its entries. Each crossing is seen in the one entry that makes it: the balance before
 * is the balance after less the change.
 */
export function foldEvents(
  fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts, thresholds: readonly Threshold[],
): NewEvent[] {
  return fresh.flatMap(({ entry, shard: { epoch } }) => {
    const told = (type: EventType, data: NewEvent['data'], about: readonly (string | number)[] = []): NewEvent => ({
      eventId: eventIdOf(type, entry.accountId, epoch, entry.seq, ...about), accountId: entry.accountId, type, atMs: entry.atMs,
      threshold: null, ofAccount: false, data: { ...data, entry: entry.seq },
    });
    const facts = factsOf(entry);
    return [...ofKind(entry, facts, told), ...reachedLimits(facts, told), ...lowBalances(entry, thresholds, told)];
  });
}

type Tell = (type: EventType, data: NewEvent['data'], about?: readonly (string | number)[]) => NewEvent;

function ofKind(entry: JournalEntry, facts: Facts, told: Tell): NewEvent[] {
  const { kind, holdId, captured, debt, granted, availableAfter, debtAfter } = entry;
  const available = creditsText(availableAfter);
  const events: NewEvent[] = [];
  if (kind === 'expire_hold') events.push(told('hold.expired', { hold: holdId, captured: creditsText(captured), available }));
  if (debt > 0) {
    events.push(told('debt.incurred', {
      amount: creditsText(debt), debt: creditsText(debtAfter), hold: holdId === '' ? null : holdId,
    }));
  }
  if (kind === 'freeze') events.push(told('account.frozen', { reason: facts.reason }));
  if (kind === 'grant' && facts.source === 'plan' && facts.reason === 'refill') {
    const lot = entry.lots.find(({ opened }) => opened !== null);
    events.push(told('refill.granted', {
      grant: lot === undefined ? null : grantIdOf(lot.lotId), amount: creditsText(granted), available,
      expiresAt: timeOrNull(lot?.opened?.expiresAtMs ?? null),
    }));
  }
  return events;
}

/** The script says which entry was the first that filled a window (lua/includes/counters.lua). */
const reachedLimits = ({ limits }: Facts, told: Tell): NewEvent[] => limits.filter(({ crossed }) => crossed).map(
  ({ limitId, mode, counter, spender, fromMs, endsAtMs, resetsAtMs }) => told(mode === 'warn' ? 'limit.warned' : 'limit.reached', {
    limit: limitId, spender: spender === '' ? null : spender, windowFrom: timeOrNull(fromMs === 0 ? null : fromMs),
    windowTo: timeOrNull(endsAtMs), resetsAt: timeOrNull(resetsAtMs),
  }, [counter, fromMs, spender]),
);

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Held credits count as there: a hold that is released again must not be told as a fall of the balance. */
const balanceChange = ({ available, held }: JournalEntry): number => available + held;

function lowBalances(entry: JournalEntry, thresholds: readonly Threshold[], told: Tell): NewEvent[] {
  const after = entry.availableAfter + entry.heldAfter;
  const before = after - balanceChange(entry);
  const crossed = new Map<number, boolean>();
  for (const { accountId, accountPrefix, amount, ofAccount } of thresholds) {
    const isMeant = accountId === null ? entry.accountId.startsWith(accountPrefix ?? '') : accountId === entry.accountId;
    if (isMeant && before >= amount && after < amount) crossed.set(amount, ofAccount || crossed.get(amount) === true);
  }
  return [...crossed].map(([amount, ofAccount]) => ({
    ...told('balance.low', {
      threshold: creditsText(micros(amount)), available: creditsText(entry.availableAfter), held: creditsText(entry.heldAfter),
    }, [amount]),
    threshold: micros(amount), ofAccount,
  }));
}
