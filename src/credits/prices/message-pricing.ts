import { GatewayError, invalid } from '../../kit/errors.js';
import { isSamePrice, type Insistence } from './check-price.js';
import type { ModelPricing } from './message-book.js';
import { MESSAGE_BOOK, NO_PRICES, PLAIN, traitsOf, type PriceDraft } from './price.js';
import { priceAt, setPrice, type SetPriceDeps } from './set-price.js';

/** The changes of the credit service's prices (docs/contracts/chatsparty.md#endpoints); reading them is `MessageBook`. */

export type UpsertPricing = Insistence & {
  readonly provider: string;
  readonly modelName: string;
  /** Credits, above 0. */
  readonly costPerMessage: number | string;
  /** Null: tokens cost nothing by themselves. */
  readonly costPer1kTokens?: number | string | null | undefined;
  /** Absent: stays, or false. The provider's default until now stops being it. */
  readonly isDefaultModel?: boolean | undefined;
  readonly isActive?: boolean | undefined;
  readonly actor: string;
};

/**
 * A JSON number as the caller wrote it: the shortest decimal that reads as the same double is what was sent, for any
 * number of up to fifteen digits.
 */
const textOf = (value: number | string): string => String(value);

/** @throws GatewayError invalid_request (as setPrice), ledger_unavailable. */
export async function upsertMessagePricing(deps: SetPriceDeps, command: UpsertPricing): Promise<ModelPricing> {
  const { provider, modelName, costPerMessage, costPer1kTokens = null, isDefaultModel, isActive = true, actor, force, allowZero } = command;
  if (provider === '') throw invalid('body.provider', 'provider is missing');
  const per1k = costPer1kTokens === null ? null : textOf(costPer1kTokens);
  await setPrice(deps, {
    book: MESSAGE_BOOK, provider, model: modelName, actor, force, allowZero, isDefault: isDefaultModel,
    state: isActive ? 'active' : 'inactive',
    prices: { message: textOf(costPerMessage), input: per1k, output: per1k }, unit: 1_000,
  });
  return deps.books.messages.get(provider, modelName);
}

/**
 * Takes a model's price out of the book, from now on. Its versions stay, for the charges that name them.
 * @throws GatewayError not_found, ledger_unavailable.
 */
export async function deleteMessagePricing(
  { books, clock }: SetPriceDeps, command: { readonly provider: string; readonly modelName: string; readonly actor: string },
): Promise<void> {
  const { provider, modelName, actor } = command;
  await books.write((history) => {
    const nowMs = clock();
    const row = history.own(MESSAGE_BOOK, provider, modelName, nowMs)?.row;
    if (row === undefined || row.state === 'deleted') throw new GatewayError('not_found', `No pricing found for ${provider}:${modelName}`);
    return [{ ...row, effectiveFromMs: nowMs, state: 'deleted', isDefault: false, createdBy: actor, note: 'deleted' }];
  });
}

/**
 * The defaults of docs/contracts/chatsparty.md#rules: provider, model, credits per message and per 1 000 tokens, and
 * whether it is the default.
 */
const DEFAULTS: readonly (readonly [provider: string, model: string, perMessage: string, per1k: string | null, isDefault: boolean])[] = [
  ['openai', 'gpt-4', '30', '30', false],
  ['openai', 'gpt-4-turbo', '10', '10', true],
  ['openai', 'gpt-3.5-turbo', '1', '1', false],
  ['anthropic', 'claude-3-opus', '60', '60', false],
  ['anthropic', 'claude-3-sonnet', '15', '15', true],
  ['anthropic', 'claude-3-haiku', '1', '1', false],
  ['google', 'gemini-pro', '5', '5', true],
  ['google', 'gemini-pro-vision', '10', '10', false],
  ['groq', 'mixtral-8x7b', '1', '1', true],
  ['groq', 'llama2-70b', '1', '1', false],
  ['ollama', 'llama2', '1', null, true],
  ['ollama', 'mistral', '1', null, false],
];

/**
 * Sets the documented default prices again; other models keep theirs. Returns how many prices changed. No `force` is needed,
 * because the defaults are documented.
 */
export async function initializeMessagePricing({ books, clock }: SetPriceDeps, actor: string): Promise<number> {
  const written = await books.write((history) => {
    const nowMs = clock();
    return DEFAULTS.flatMap(([provider, model, perMessage, per1k, isDefault]): PriceDraft[] => {
      const { unit, rounding } = traitsOf(MESSAGE_BOOK);
      const draft: PriceDraft = {
        ...PLAIN, book: MESSAGE_BOOK, provider, model, effectiveFromMs: nowMs, unit, rounding, isDefault, state: 'active', createdBy: actor,
        note: 'initialized',
        prices: { ...NO_PRICES, message: perMessage, input: per1k, output: per1k }, marginPercent: '0', moneyPerCredit: null,
      };
      const before = priceAt(history, draft);
      const isDefaultAgain = !isDefault || (before !== undefined && history.isDefault(before, nowMs));
      return before !== undefined && isSamePrice(before, draft) && isDefaultAgain ? [] : [draft];
    });
  });
  return written.length;
}
