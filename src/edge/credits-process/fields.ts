import Type from 'typebox';
import { endpointName, isHexId, type EndpointName } from '../../credits/features/feature.js';
import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import { storedText } from '../http/schema.js';

/** What the original says for any bad body; `sources` has one entry per issue. */
export const INVALID = 'Validation Error';

/** `CREDITS_PROCESS_STRICT_IDS`: only 24 hexadecimal digits are ids, as in the original (docs/contracts/README.md#c-16). */
export type IdRules = { readonly strictIds: boolean };

const ENDPOINT_LENGTH_MAX = 200;

/** Python clients send null for what they leave out. */
export const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

export const endpointFields = {
  feature_endpoint_id: orNull(storedText(1, ENDPOINT_LENGTH_MAX)),
  feature_endpoint_value: orNull(storedText(1, ENDPOINT_LENGTH_MAX)),
};

export const validationError = (...sources: readonly ErrorSource[]): GatewayError =>
  new GatewayError('invalid_request', INVALID, { sources });

export type NamesEndpoint = {
  readonly user_id: string;
  readonly feature_endpoint_id?: string | null;
  readonly feature_endpoint_value?: string | null;
};

/** Which endpoint a request names. Throws GatewayError invalid_request with every issue. */
export function readEndpoint(
  { user_id: userId, feature_endpoint_id: id, feature_endpoint_value: value }: NamesEndpoint, { strictIds }: IdRules,
): EndpointName {
  const sources: ErrorSource[] = [];
  if (strictIds && !isHexId(userId)) sources.push({ path: 'body.user_id', message: 'Invalid ID format' });
  if (strictIds && typeof id === 'string' && !isHexId(id)) sources.push({ path: 'body.feature_endpoint_id', message: 'Invalid ID format' });
  const isNamed = typeof id === 'string' || typeof value === 'string';
  if (!isNamed) sources.push({ path: 'body', message: 'Either feature_endpoint_id or feature_endpoint_value must be provided' });
  if (sources.length > 0) throw validationError(...sources);
  const name = endpointName(id ?? undefined, value ?? undefined);
  // Two names of two things: nothing is both.
  return name ?? { endpointId: null, value: null };
}
