import Type from 'typebox';
import { invalid } from '../../kit/errors.js';
import { LIMIT_TEXT_LENGTH_MAX, LOT_NAMES_MAX } from '../../kit/limits.js';
import { isRestricted, LOT_PRIORITY_DEFAULT, LOT_PRIORITY_MAX, readRule, type LotRule } from '../../ledger/lot-rule.js';
import { Strict } from './body.js';
import { storable } from './values.js';

const Names = (what: string) => Type.Optional(Type.Array(
  Type.String({ minLength: 1, maxLength: LIMIT_TEXT_LENGTH_MAX }), {
    minItems: 1, maxItems: LOT_NAMES_MAX, uniqueItems: true, description: `only for operations on one of these ${what}`,
  },
));

/** Members of a grant: when its credits are used, and what for. `ruleIn` reads them. */
export const RuleMembers = {
  priority: Type.Optional(Type.Integer({
    minimum: 0, maximum: LOT_PRIORITY_MAX, default: LOT_PRIORITY_DEFAULT, description: 'a number: lots of a lower one are used first',
  })),
  restrictTo: Type.Optional(Strict({ models: Names('models'), features: Names('features') }, {
    description: 'what the credits can be used for; with models and features, an operation must match both',
  })),
};

type RuleBody = {
  readonly priority?: number | undefined;
  readonly restrictTo?: { readonly models?: readonly string[] | undefined; readonly features?: readonly string[] | undefined } | undefined;
};

/** @throws GatewayError invalid_request: a restriction to nothing, or a name that cannot be stored. */
export function ruleIn({ priority = LOT_PRIORITY_DEFAULT, restrictTo }: RuleBody): LotRule {
  if (restrictTo !== undefined && restrictTo.models === undefined && restrictTo.features === undefined) {
    throw invalid('body.restrictTo', 'must name models or features');
  }
  const names = (list: readonly string[] = [], member: string): string[] =>
    list.map((name, index) => storable(name, `body.restrictTo.${member}.${index}`));
  return { priority, models: names(restrictTo?.models, 'models'), features: names(restrictTo?.features, 'features') };
}

/** The same of a lot in an answer. */
export const RuleOut = {
  priority: Type.Integer({ description: 'a number: lots of a lower one are used first' }),
  restrictTo: Type.Union([
    Type.Object({ models: Type.Optional(Type.Array(Type.String())), features: Type.Optional(Type.Array(Type.String())) }), Type.Null(),
  ], { description: 'what it can be used for; null: for anything' }),
};

/** @throws RangeError for a rule that the ledger did not write. */
export function presentRule(text: string): object {
  const rule = readRule(text);
  const { priority, models, features } = rule;
  return {
    priority,
    restrictTo: isRestricted(rule) ? { ...(models.length > 0 ? { models } : {}), ...(features.length > 0 ? { features } : {}) } : null,
  };
}
