import type { Random } from '../../test/support/random.js';

/** One who uses the product all day, one who tries it, and one who never has enough. */
export type PersonKind = 'heavy' | 'light' | 'poor';

export type Allocation = { readonly credits: number; readonly expiryDays: number };

export type Person = {
  readonly accountId: string;
  readonly kind: PersonKind;
  /** How much of the traffic is theirs, relative to the others. */
  readonly weight: number;
  readonly firstAllocations: readonly Allocation[];
};

const WEIGHTS: Readonly<Record<PersonKind, number>> = { heavy: 3, light: 1, poor: 1.5 };
const KINDS: readonly PersonKind[] = ['heavy', 'light', 'heavy', 'poor', 'light'];

/** The users of the day. Some allocations end after a day, that is, while it lasts; others stay for a month or ten years. */
export function peopleOf(random: Random, count: number): Person[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = KINDS[index % KINDS.length] ?? 'heavy';
    return {
      accountId: `user-${String(index + 1).padStart(3, '0')}`, kind, weight: WEIGHTS[kind],
      firstAllocations: allocationsOf(random, kind),
    };
  });
}

function allocationsOf(random: Random, kind: PersonKind): Allocation[] {
  switch (kind) {
    case 'heavy':
      return [
        { credits: random.integer(400, 1_200), expiryDays: 30 },
        { credits: random.integer(20, 100), expiryDays: 1 },
        { credits: random.integer(1, 50) + 0.25, expiryDays: 3_650 },
      ];
    case 'light':
      return [{ credits: random.integer(100, 400), expiryDays: 1 }, { credits: random.integer(50, 200) + 0.5, expiryDays: 30 }];
    case 'poor':
      return [{ credits: random.integer(5, 30) + 0.000_001, expiryDays: 1 }];
  }
}

/** The grants of a user during the day. */
export function refill(random: Random, { kind }: Person): Allocation {
  const expiryDays = random.pick([1, 1, 7, 30, 3_650]);
  return { credits: kind === 'poor' ? random.integer(3, 15) : random.integer(20, 120), expiryDays };
}

/** Picks by weight. */
export function pickPerson(random: Random, people: readonly Person[]): Person {
  let left = random.next() * people.reduce((sum, { weight }) => sum + weight, 0);
  for (const person of people) {
    left -= person.weight;
    if (left < 0) return person;
  }
  return random.pick(people);
}
