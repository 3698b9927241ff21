/** Who spends from the account and for which part of the product, as an entry tells it: what series of usage are grouped by. */
export type SpendingFact = {
  readonly spender?: string | undefined; readonly feature?: string | undefined; readonly key?: string | undefined;
};

/** The fact as a member of what an entry tells; none where there is nothing to tell. */
export const spendingFact = ({ spender, feature, key }: SpendingFact = {}): { readonly spending?: SpendingFact } =>
  (spender === undefined && feature === undefined && key === undefined ? {} : { spending: { spender, feature, key } });

/** Reads it from what an entry tells. A feature is a fact of its own where a charge or a process was for one. */
export function readSpending(value: Readonly<Record<string, unknown>>): SpendingFact {
  const told = value['spending'];
  const { spender, feature = value['feature'], key } = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>;
  return { spender: textOf(spender), feature: textOf(feature), key: textOf(key) };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
