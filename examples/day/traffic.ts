import type { ChatProxy, Ending } from '../../test/support/chat-proxy.js';
import type { Random } from '../../test/support/random.js';
import type { ToldSession } from '../../test/support/told.js';
import { pickPerson, refill, type Person } from './people.js';

/** How a session goes on after it was opened. */
export type Fate = 'below the estimate' | 'at the estimate' | 'at the hold' | 'above the hold' | 'aborted' | 'finalized late' | 'abandoned';

/** In hundredths. */
const FATES: readonly (readonly [Fate, number])[] = [
  ['below the estimate', 52], ['at the estimate', 10], ['at the hold', 8], ['above the hold', 12], ['aborted', 10],
  ['finalized late', 3], ['abandoned', 5],
];

/** The hold of this model can be used up exactly: its price is not rounded. */
const EXACT_MODEL = 'gpt-4';
const EXACT_TOKENS_PER_CREDIT = 200;
const MODELS = [
  EXACT_MODEL, 'anthropic.claude-3-sonnet-20240229-v1:0', 'amazon.nova-lite-v1:0', 'meta.llama3-70b-instruct-v1:0', 'somebody-elses-model',
];
const TOKENS_MIN = 100;
const TOKENS_MAX = 2_500;

/** What comes besides sessions, per session. */
const CHARGES_SHARE = 0.35;
const REFILL_SHARE = 0.04;
const KEYED_SHARE = 0.7;
/** Impatient callers: the same request twice at the same time. */
const DOUBLED_SHARE = 0.04;
/** A stream that is still going on in the next step. */
const LONG_SHARE = 0.35;
/** Steps after which a late finalize comes: its lease, two steps long, is over by then. */
const LATE_STEPS_MIN = 6;
const LATE_STEPS_MAX = 24;

export type Action = () => Promise<void>;

export type Traffic = {
  /** All that happens in one step, `sessions` new sessions among it, in a random order. */
  step(step: number, sessions: number): readonly Action[];
  /** Sessions by what became of them. */
  readonly fates: ReadonlyMap<Fate, number>;
};

/** Makes the traffic of the day. Everything random is decided when an action is made, so a seed gives the same day. */
export function trafficOf(random: Random, people: readonly Person[], proxy: ChatProxy): Traffic {
  const later = new Map<number, Action[]>();
  const fates = new Map<Fate, number>();
  const at = (step: number, action: Action): void => { later.set(step, [...(later.get(step) ?? []), action]); };
  const sent = () => ({ isDoubled: random.chance(DOUBLED_SHARE) });

  const session = (step: number): Action => {
    const { accountId } = pickPerson(random, people);
    const fate = pickFate(random);
    const modelId = fate === 'at the hold' ? EXACT_MODEL : random.pick(MODELS);
    const estimatedTokens = random.integer(TOKENS_MIN, TOKENS_MAX);
    const share = fate === 'above the hold' ? 1.3 + 1.5 * random.next() : 0.9 * random.next();
    const endsAt = fate === 'finalized late'
      ? step + random.integer(LATE_STEPS_MIN, LATE_STEPS_MAX)
      : step + (random.chance(LONG_SHARE) ? 1 : 0);
    const ending: Ending = fate === 'aborted' ? 'aborted' : random.pick(['completed', 'completed', 'completed', 'failed']);
    const [opening, closing] = [sent(), sent()];
    return async () => {
      const opened = await proxy.open(accountId, modelId, estimatedTokens, opening);
      if (opened === null) return;
      fates.set(fate, (fates.get(fate) ?? 0) + 1);
      if (fate === 'abandoned') return;
      const end = (): Promise<void> => proxy.end(opened, ending, tokensOf(fate, opened, share), closing);
      if (endsAt === step) await end();
      else at(endsAt, end);
    };
  };

  const charge = (): Action => {
    const { accountId } = pickPerson(random, people);
    const credits = random.integer(1, 3_000_000) / 1_000_000;
    const isKeyed = random.chance(KEYED_SHARE);
    const how = sent();
    return () => proxy.charge(accountId, credits, isKeyed, how);
  };

  const allocation = (): Action => {
    const person = pickPerson(random, people);
    const { credits, expiryDays } = refill(random, person);
    const how = sent();
    return () => proxy.grant(person.accountId, credits, expiryDays, how);
  };

  const look = (): Action => {
    const { accountId } = pickPerson(random, people);
    return async () => { await proxy.balance(accountId); };
  };

  return {
    fates,
    step(step, sessions) {
      const actions = later.get(step) ?? [];
      later.delete(step);
      for (let i = 0; i < sessions; i += 1) {
        actions.push(session(step));
        if (random.chance(CHARGES_SHARE)) actions.push(charge());
        if (random.chance(REFILL_SHARE)) actions.push(allocation());
        if (random.chance(REFILL_SHARE)) actions.push(look());
      }
      return shuffled(random, actions);
    },
  };
}

function pickFate(random: Random): Fate {
  let left = random.next() * 100;
  for (const [fate, share] of FATES) {
    left -= share;
    if (left < 0) return fate;
  }
  return 'below the estimate';
}

function tokensOf(fate: Fate, { held, estimatedTokens }: ToldSession, share: number): number {
  switch (fate) {
    case 'at the estimate': return estimatedTokens;
    case 'at the hold': return (held / 1_000_000) * EXACT_TOKENS_PER_CREDIT;
    case 'below the estimate':
    case 'above the hold':
    case 'aborted':
    case 'finalized late':
    case 'abandoned':
      return Math.floor(estimatedTokens * share);
  }
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items.map((item) => ({ item, rank: random.next() })).sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}
