import Type from 'typebox';
import { MODEL_ID_LENGTH_MAX, TOKENS_MAX } from '../../kit/limits.js';
import { storedText } from '../http/schema.js';

export const ModelId = () => storedText(1, MODEL_ID_LENGTH_MAX);

/** A count of tokens, or an estimate that need not be whole; see `wholeTokens`. */
export const Tokens = (minimum = 0) => Type.Number({ minimum, maximum: TOKENS_MAX });

/** The contract says "number": a caller that estimates 37.5 tokens pays for 38. */
export const wholeTokens = (tokens: number): number => Math.ceil(tokens);
