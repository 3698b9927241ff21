import { accountOfName, nameOfAccount } from './account-name.js';
import { micros, type Micros } from '../kit/money/micros.js';
import type { Lot } from './account-snapshot.js';
import type { Spending } from './limits.js';

/**
 * The rule of a lot: when it is used, and what for. The scripts keep it as text behind the facts of the lot
 * (lua/includes/lots.lua): `priority;model&…;feature&…`, with names encoded as in keys, so that the text has no ':' and no ','.
 * '' is the rule of a lot that was granted without one.
 */
export type LotRule = {
  /** From 0 to LOT_PRIORITY_MAX; lots of a lower one are used first. */
  readonly priority: number;
  /** Empty: any model, or none. Otherwise an operation must be on one of them. */
  readonly models: readonly string[];
  /** As of models. A lot with both is for operations that match both. */
  readonly features: readonly string[];
};

export const LOT_PRIORITY_DEFAULT = 50;
export const LOT_PRIORITY_MAX = 100;

const NO_RULE: LotRule = { priority: LOT_PRIORITY_DEFAULT, models: [], features: [] };

/** @throws URIError for a lone surrogate, which has no UTF-8; the edge refuses it before. */
export function ruleText({ priority, models, features }: LotRule): string {
  if (priority === LOT_PRIORITY_DEFAULT && models.length === 0 && features.length === 0) return '';
  return [String(priority), ...[models, features].map((names) => names.map(nameOfAccount).join('&'))].join(';');
}

/** @throws RangeError for text that `ruleText` does not write. */
export function readRule(text: string): LotRule {
  if (text === '') return NO_RULE;
  const [, priority, models, features] = /^(\d{1,3});([^;]*);([^;]*)$/.exec(text) ?? [];
  if (priority === undefined) throw new RangeError(`the rule of a lot is unreadable: ${text}`);
  return { priority: Number(priority), models: readNames(models), features: readNames(features) };
}

const readNames = (text = ''): string[] => (text === '' ? [] : text.split('&').map((name) => accountOfName(name) ?? name));

export const isRestricted = ({ models, features }: LotRule): boolean => models.length + features.length > 0;

/** Whether an operation may use a lot: the same rule as in the scripts. */
export function allows({ models, features }: LotRule, { model, feature }: Pick<Spending, 'model' | 'feature'>): boolean {
  const names = (list: readonly string[], name = ''): boolean => list.length === 0 || (name !== '' && list.includes(name));
  return names(models, model) && names(features, feature);
}

/** What is left in lots that are restricted to something. */
export const restrictedIn = (lots: readonly Lot[]): Micros => sumOf(lots.filter(({ rule }) => isRestricted(readRule(rule))));

/** What is left in lots that an operation may use. */
export const usableIn = (lots: readonly Lot[], spending: Pick<Spending, 'model' | 'feature'>): Micros =>
  sumOf(lots.filter(({ rule }) => allows(readRule(rule), spending)));

const sumOf = (lots: readonly Lot[]): Micros => micros(lots.reduce((sum, { remaining }) => sum + remaining, 0));
