const CACHED = 'how many tokens of the prompt were read from a cache';
const WRITTEN = 'how many tokens of the prompt were written to a cache';
const IN_PROMPT = 'how many tokens of the prompt there were';
const GENERATED = 'how many tokens were generated';
const REASONING = 'how many tokens of reasoning were generated';
const PARTS = (what: string): string => `the tokens ${what} by kind: parts of the total`;

/** Counts of tokens under the names of providers (docs/contracts/credits-process.md#classes-of-tokens). */
export const TOKEN_WORDS: Readonly<Record<string, string>> = {
  input_tokens: IN_PROMPT, input_token: IN_PROMPT, prompt_tokens: IN_PROMPT, prompt_token_count: IN_PROMPT, output_tokens: GENERATED,
  output_token: GENERATED, completion_tokens: GENERATED, candidates_token_count: GENERATED,
  total_tokens: 'how many tokens there were in all', total_token_count: 'how many tokens there were in all',
  cache_read_input_tokens: CACHED, cached_tokens: CACHED, prompt_cache_hit_tokens: CACHED, cached_content_token_count: CACHED,
  cache_read: CACHED, cache_creation_input_tokens: WRITTEN, cache_creation_tokens: WRITTEN, cache_write_tokens: WRITTEN,
  cache_creation: WRITTEN, ephemeral_5m_input_tokens: 'how many tokens were written to a cache for five minutes',
  ephemeral_1h_input_tokens: 'how many tokens were written to a cache for an hour',
  audio_input_tokens: 'how many tokens of sound the prompt had', image_input_tokens: 'how many tokens of pictures the prompt had',
  audio_output_tokens: 'how many tokens of sound were generated', image_output_tokens: 'how many tokens of pictures were generated',
  audio_tokens: 'how many tokens of sound', audio: 'how many tokens of sound', image_tokens: 'how many tokens of pictures',
  text_tokens: 'how many tokens of text', reasoning_tokens: REASONING, thoughts_token_count: `${REASONING}, beside the total`,
  reasoning: REASONING, tool_use_prompt_token_count: 'how many tokens tools added to the prompt, beside the total',
  prompt_cache_miss_tokens: 'how many tokens of the prompt were not in a cache',
  accepted_prediction_tokens: 'how many predicted tokens were accepted',
  rejected_prediction_tokens: 'how many predicted tokens were rejected', prompt_tokens_details: PARTS('of the prompt'),
  input_tokens_details: PARTS('of the prompt'), input_token_details: PARTS('of the prompt'),
  completion_tokens_details: PARTS('that were generated'), output_tokens_details: PARTS('that were generated'),
  output_token_details: PARTS('that were generated'), service_tier: 'the service tier of the provider', ai_model: 'the model',
  model: 'the model, by another name', model_name: 'the model, by another name',
};
