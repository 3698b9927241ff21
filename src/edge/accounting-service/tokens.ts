import Type from 'typebox';
import { MODEL_ID_LENGTH_MAX, TOKENS_MAX } from '../../kit/limits.js';
import { storedText, type Parser } from '../http/schema.js';
import { readingTokens } from '../http/token-fields.js';

export const ModelId = () => storedText(1, MODEL_ID_LENGTH_MAX);

/** A count of tokens, or an estimate that need not be whole; see `wholeTokens`. */
export const Tokens = (minimum = 0) => Type.Number({ minimum, maximum: TOKENS_MAX });

/** The counts of this dialect. One that a route does not read says nothing that another does not. */
const COUNTS = ['tokens', 'estimatedTokens', 'actualTokens', 'tokensGenerated'];

/** Tokens are priced by one count: what is counted by class is refused by name, not left out (docs/contracts/README.md#n-09). */
export const byOneCount = <T extends object>(parser: Parser<T>, message: string): Parser<T> => readingTokens(parser, COUNTS, message);

/** The contract says "number": a caller that estimates 37.5 tokens pays for 38. */
export const wholeTokens = (tokens: number): number => Math.ceil(tokens);
