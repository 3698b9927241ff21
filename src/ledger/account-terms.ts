import { microsFromText, microsToText, type Micros } from '../kit/money/micros.js';
import type { OverCapture } from './hold-terms.js';

/** What an account allows its holds. Null: what the gateway allows. */
export type AccountTerms = {
  /** The most that one hold may have; a lower limit of the gateway binds, too. */
  readonly maxHold: Micros | null;
  /** What pays for usage beyond a hold, in place of the gateway's rule. */
  readonly overCapture: OverCapture | null;
  /** Debt that a hold makes may not exceed this, in place of the gateway's limit. */
  readonly debtLimit: Micros | null;
};

/** Terms with their number: it grows with every change, so that scripts take them in any order. */
export type VersionedTerms = { readonly version: number; readonly terms: AccountTerms };

export const NO_TERMS: AccountTerms = { maxHold: null, overCapture: null, debtLimit: null };

export const isNoTerms = ({ maxHold, overCapture, debtLimit }: AccountTerms): boolean =>
  maxHold === null && overCapture === null && debtLimit === null;

const textOf = (amount: Micros | null): string => (amount === null ? '' : microsToText(amount));

/** The terms as the scripts read them (lua/includes/terms.lua); '' for none. */
export const termsToText = (terms: AccountTerms): string =>
  (isNoTerms(terms) ? '' : `${textOf(terms.maxHold)}:${terms.overCapture ?? ''}:${textOf(terms.debtLimit)}`);

/** The other way round. */
export function termsFromText(text: string): AccountTerms {
  const [maxHold = '', overCapture = '', debtLimit = ''] = text.split(':');
  return {
    maxHold: maxHold === '' ? null : microsFromText(maxHold), overCapture: overCapture === '' ? null : overCapture as OverCapture,
    debtLimit: debtLimit === '' ? null : microsFromText(debtLimit),
  };
}
