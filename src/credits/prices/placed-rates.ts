import { DIMENSIONS, type Dimension, type PriceTerms, type PriceTier } from './price.js';

/** A price with its place in the terms. */
export type PlacedRate = { readonly path: string; readonly key: string; readonly dimension: Dimension; readonly text: string };

/** Every price of the terms, the usual ones first. `key` names class, length and service tier: `input above 200000 priority`. */
export function ratesOf({ prices, tiers }: Pick<PriceTerms, 'prices' | 'tiers'>): PlacedRate[] {
  const places = [
    { path: 'prices', key: '', prices },
    ...tiers.map((tier, index) => ({
      path: `tiers.${index}.prices`, key: tierName(tier), prices: tier.prices,
    })),
  ];
  return places.flatMap((place) => DIMENSIONS.flatMap((dimension): PlacedRate[] => {
    const text = place.prices[dimension] ?? null;
    const key = place.key === '' ? dimension : `${dimension} ${place.key}`;
    return text === null ? [] : [{ path: `${place.path}.${dimension}`, key, dimension, text }];
  }));
}

/** How a tier is named: `above 200000 priority`; '' for the usual prices. */
export const tierName = ({ aboveInputTokens, serviceTier }: PriceTier): string => [
  ...(aboveInputTokens === 0 ? [] : [`above ${aboveInputTokens}`]), ...(serviceTier === 'standard' ? [] : [serviceTier]),
].join(' ');
