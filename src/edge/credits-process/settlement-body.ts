import Type, { type Static } from 'typebox';
import type { ModelUsage } from '../../credits/prices/model-book.js';
import { normalUsageKey, USAGE_KEY_LENGTH_MAX } from '../../credits/processes/process-hold.js';
import type { SettleProcess } from '../../credits/processes/settle-process.js';
import { MODEL_ID_LENGTH_MAX } from '../../kit/limits.js';
import { bodyOf, storedText } from '../http/schema.js';
import { endpointFields, INVALID, orNull, readEndpoint, UserId, validationError, type IdRules } from './fields.js';
import { hasCounts, readUsage, refuseUnread, tokenFields } from './usage-fields.js';

/** Items of one settlement. Aggregating callers send a handful; this bounds the work of one script's caller. */
export const USAGES_MAX = 1_000;

const Model = () => orNull(storedText(0, MODEL_ID_LENGTH_MAX));
/** Every name that clients use for counts of tokens, and for the model (docs/contracts/README.md#c-13). The first of each wins. */
const usageFields = {
  ...tokenFields, ai_model: Model(), model: Model(), model_name: Model(),
};
const Usage = Type.Object(usageFields);

/** The settlement of a process, of one model or of several: over HTTP and over the queues the same. */
export const settlementBody = bodyOf(
  Type.Object({
    user_id: UserId(),
    usage_key: orNull(Type.String({ minLength: 1, maxLength: USAGE_KEY_LENGTH_MAX, pattern: '^[!-~]+$' })),
    ...endpointFields,
    usages: orNull(Type.Array(Usage, { maxItems: USAGES_MAX })),
    ...usageFields,
  }),
  INVALID,
);
export type SettlementBody = ReturnType<typeof settlementBody.parse>;

/** `single` is answered with an object as `details`, `multi` with an array. */
export type Settlement = Omit<SettleProcess, 'unnamed'> & { readonly shape: 'single' | 'multi' };

/** What a body asks for. `wanted` multi: a body of one model is refused. Throws GatewayError invalid_request. */
export function toSettlement(body: SettlementBody, wanted: 'multi' | 'either', rules: IdRules): Settlement {
  const endpoint = readEndpoint(body, rules);
  const { user_id: accountId, usage_key: key, usages } = body;
  const common = { accountId, usageKey: typeof key === 'string' ? normalUsageKey(key) : null, endpoint };
  if (usages !== undefined && usages !== null) {
    refuseUnread(body);
    return { ...common, shape: 'multi', usages: usages.map((usage, index) => toUsage(usage, `body.usages.${index}`)) };
  }
  if (wanted === 'multi') throw validationError({ path: 'body.usages', message: 'is missing' });
  // Nothing at all would be charged as nothing: that is a caller's mistake, not a use.
  if (!hasCounts(body)) {
    refuseUnread(body);
    throw validationError({ path: 'body', message: 'Either usages, or input_tokens and output_tokens must be provided' });
  }
  return { ...common, shape: 'single', usages: [toUsage(body, 'body')] };
}

function toUsage(usage: Static<typeof Usage>, path: string): ModelUsage {
  const model = (usage.ai_model ?? usage.model ?? usage.model_name ?? '').trim();
  return { ...(model === '' ? {} : { aiModel: model }), ...readUsage(usage, path, model) };
}
