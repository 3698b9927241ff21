import type { PriceRule } from './price-tokens.js';

/** Another way to read the name of a model. `provider`: what stood before it, which may name its provider. */
export type OtherName = { readonly name: string; readonly provider: string | null; readonly rule: PriceRule };

/** Takes off what a rule is about; null where a name has none of it. */
type Shorten = (name: string) => { readonly name: string; readonly provider?: string } | null;

const after = (pattern: RegExp): Shorten => (name) => {
  const shorter = name.replace(pattern, '');
  return shorter === name || shorter === '' ? null : { name: shorter };
};

/** In the order in which they are tried (docs/contracts/README.md#names-of-models). */
const SHORTEN: readonly (readonly [PriceRule, Shorten])[] = [
  ['provider', (name) => {
    const [, provider, rest] = /^([^/]+)\/(.+)$/s.exec(name) ?? [];
    return provider === undefined || rest === undefined ? null : { name: rest, provider };
  }],
  ['date', after(/[-@](?:\d{4}-\d\d-\d\d|\d{8}|\d{4}|latest)$/i)],
  ['variant', after(/:[^:/]*$/)],
  ['region', after(/^(?:us-gov|us|eu|apac|ap|jp|au|ca|sa|me|af|global)\./i)],
];

/** More ways to read one name than any real name has; what has more parts is left unread beyond them. */
const NAMES_MAX = 32;

/** Case does not count where a name is not found as it is written. */
export const foldName = (name: string): string => name.toLowerCase();

/**
 * Other ways to read a name, each with the last of the rules that it takes, in the order of the rules; what takes several of
 * them comes with the last: `us.anthropic.claude:free` is read by variant, and without its region by region.
 */
export function otherNames(model: string): readonly OtherName[] {
  const names = new Map<string, OtherName>([[model, { name: model, provider: null, rule: 'exact' }]]);
  SHORTEN.forEach(([rule], index) => {
    // A Map is walked in the order of its entries, those that are added on the way included.
    for (const known of names.values()) {
      for (const [, shorten] of SHORTEN.slice(0, index + 1)) {
        const shorter = shorten(known.name);
        if (shorter === null || names.has(shorter.name) || names.size >= NAMES_MAX) continue;
        names.set(shorter.name, { name: shorter.name, provider: shorter.provider ?? known.provider, rule });
      }
    }
  });
  return [...names.values()].slice(1);
}
