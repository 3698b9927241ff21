/**
 * The figures of an account, in the order in which Redis keeps them (lua/includes/account.lua). Decoders, columns, the
 * deltas of entries and the reconciler follow this list; test/tidy holds the Lua to it.
 *
 * - `balance`: how much there is. Each entry has its delta, and how much there is afterwards (`<name>_after`).
 * - `total`: a sum since the account began. Each entry has its delta.
 * - `sequence`: the number of the last entry.
 * - `flag`: entries of kinds of its own set and clear it.
 * - `index`: follows from the lots; Redis alone keeps it.
 *
 * Balances and totals are in micros and are called the same everywhere: as a field in Redis and of an entry, as a column
 * of `accounts` and of `entries`, and here.
 */
export const FIGURES = [
  { name: 'available', kind: 'balance' },
  { name: 'held', kind: 'balance' },
  { name: 'debt', kind: 'balance' },
  { name: 'seq', kind: 'sequence' },
  { name: 'next_expiry_ms', kind: 'index' },
  { name: 'granted', kind: 'total' },
  { name: 'captured', kind: 'total' },
  { name: 'expired', kind: 'total' },
  { name: 'removed', kind: 'total' },
  { name: 'uncollected', kind: 'total' },
  { name: 'frozen', kind: 'flag' },
] as const;

type Figure = (typeof FIGURES)[number];
type FigureKind = Figure['kind'];
type NameOf<Kind extends FigureKind> = Extract<Figure, { readonly kind: Kind }>['name'];

export type BalanceName = NameOf<'balance'>;
export type TotalName = NameOf<'total'>;
export type AmountName = BalanceName | TotalName;
/** How a decoded entry calls a balance afterwards. */
export type AfterName = `${BalanceName}After`;

const namesOf = <Kind extends FigureKind>(...kinds: readonly Kind[]): readonly NameOf<Kind>[] =>
  FIGURES.filter(({ kind }) => kinds.some((each) => each === kind)).map(({ name }) => name as NameOf<Kind>);

export const BALANCES = namesOf('balance');
export const TOTALS = namesOf('total');
export const AMOUNTS: readonly AmountName[] = [...BALANCES, ...TOTALS];
/** What Postgres keeps of an account, and what scripts answer, in the order of the list. */
export const KEPT = namesOf('balance', 'sequence', 'total', 'flag');

/** One value per name. */
export function figuresOf<Name extends string, Value>(names: readonly Name[], valueOf: (name: Name) => Value): Record<Name, Value> {
  const values: Partial<Record<Name, Value>> = {};
  for (const name of names) values[name] = valueOf(name);
  return values as Record<Name, Value>;
}

export const afterOf = <Name extends BalanceName>(name: Name): `${Name}After` => `${name}After`;
