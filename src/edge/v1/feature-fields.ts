import Type, { type Static } from 'typebox';
import type { EndpointChanges } from '../../credits/features/feature-endpoint.table.js';
import type { FeatureEndpoint, FeaturePackage, PackageFeature } from '../../credits/features/feature.js';
import type { NewEndpoint, NewPackage, PackageChanges } from '../../credits/features/manage-features.js';
import { GatewayError } from '../../kit/errors.js';
import { parseCredits, toCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';

/**
 * The schemas of endpoints and packages, over HTTP and in seed files, with the field names of the original
 * (docs/contracts/credits-process.md#data-that-operators-keep).
 * Whether a text can be stored is checked where it comes in.
 */
export const INVALID = 'Validation Error';

const TEXT_LENGTH_MAX = 200;
const FEATURES_MAX = 1_000;
const CONFIG_BYTES_MAX = 16_384;

/** `refined` adds what a request's texts must be besides. */
export type TextSchema = (minLength: number, maxLength: number) => ReturnType<typeof Type.String>;

const Credits = () => Type.Unsafe<number | string>({ type: ['number', 'string'], description: 'credits, at most six decimals' });

const HexId = () => Type.String({ pattern: '^[0-9a-fA-F]{24}$' });

export const endpointShape = (text: TextSchema) => Type.Object({
  _id: Type.Optional(HexId()),
  feature: text(1, TEXT_LENGTH_MAX),
  name: text(1, TEXT_LENGTH_MAX),
  value: text(1, TEXT_LENGTH_MAX),
  endpoint: Type.Optional(text(0, TEXT_LENGTH_MAX)),
  method: Type.Optional(text(1, 10)),
  min_credits: Type.Optional(Credits()),
  is_active: Type.Optional(Type.Boolean()),
});
export type EndpointInput = Static<ReturnType<typeof endpointShape>>;

export const packageShape = (text: TextSchema) => Type.Object({
  _id: Type.Optional(HexId()),
  name: text(1, TEXT_LENGTH_MAX),
  is_initial: Type.Optional(Type.Boolean()),
  is_active: Type.Optional(Type.Boolean()),
  features: Type.Optional(Type.Array(Type.Object({
    feature: text(1, TEXT_LENGTH_MAX),
    feature_endpoint_id: Type.Optional(Type.Union([HexId(), Type.Null()])),
    min_credits: Type.Optional(Type.Union([Type.Number(), Type.String(), Type.Null()])),
    config: Type.Optional(Type.Unsafe<Readonly<Record<string, unknown>> | null>({ type: ['object', 'null'] })),
  }), { maxItems: FEATURES_MAX })),
});
export type PackageInput = Static<ReturnType<typeof packageShape>>;

const refusal = (path: string, message: string): GatewayError =>
  new GatewayError('invalid_request', INVALID, { sources: [{ path, message }] });

function readCredits(value: number | string, path: string): Micros {
  const amount = parseCredits(value);
  if (typeof amount === 'number') return amount;
  throw refusal(path, 'must be credits, 0 or more, with at most six decimals');
}

export const toEndpoint = (input: EndpointInput): NewEndpoint => ({
  id: input._id?.toLowerCase(), feature: input.feature, name: input.name, value: blankless(input.value),
  endpoint: input.endpoint ?? '', method: input.method ?? 'POST',
  minimum: readCredits(input.min_credits ?? 0, 'body.min_credits'), isActive: input.is_active ?? true,
});

/** Refuses a change of the id: entries of the ledger have it. */
export function assertSameId({ _id: wanted }: { readonly _id?: string }, id: string): void {
  if (wanted !== undefined && wanted.toLowerCase() !== id) throw refusal('body._id', 'cannot be changed');
}

export const toEndpointChanges = ({
  min_credits: minimum, is_active: isActive, value, ...rest
}: Partial<EndpointInput>): EndpointChanges => ({
  ...pick(rest, 'feature'), ...pick(rest, 'name'), ...pick(rest, 'endpoint'), ...pick(rest, 'method'),
  ...(value === undefined ? {} : { value: blankless(value) }),
  ...(minimum === undefined ? {} : { minimum: readCredits(minimum, 'body.min_credits') }),
  ...(isActive === undefined ? {} : { isActive }),
});

/** Only the fields that a request has, so that the others stay as they are. */
export const toPackageChanges = ({
  name, is_initial: isInitial, is_active: isActive, features,
}: Partial<PackageInput>): PackageChanges => ({
  ...(name === undefined ? {} : { name }),
  ...(isInitial === undefined ? {} : { isInitial }),
  ...(isActive === undefined ? {} : { isActive }),
  ...(features === undefined ? {} : { features: features.map(toPackageFeature) }),
});

export const toPackage = (input: PackageInput): NewPackage => ({
  isInitial: false, isActive: true, features: [], ...toPackageChanges(input), name: input.name, id: input._id?.toLowerCase(),
});

function toPackageFeature(input: NonNullable<PackageInput['features']>[number], index: number): PackageFeature {
  const config = input.config === undefined || input.config === null ? null : JSON.stringify(input.config);
  if (config !== null && Buffer.byteLength(config) > CONFIG_BYTES_MAX) {
    throw refusal(`body.features.${index}.config`, `must not be larger than ${CONFIG_BYTES_MAX} bytes`);
  }
  const minimum = input.min_credits ?? null;
  return {
    feature: input.feature, endpointId: (input.feature_endpoint_id ?? '').toLowerCase(), config,
    minimum: minimum === null ? null : readCredits(minimum, `body.features.${index}.min_credits`),
  };
}

/** A value of blanks is not a name. */
function blankless(value: string): string {
  if (value.trim() === '') throw refusal('body.value', 'must not be blank');
  return value;
}

const pick = <T extends object, K extends keyof T>(from: T, key: K): Partial<Pick<T, K>> =>
  (from[key] === undefined ? {} : { [key]: from[key] } as unknown as Pick<T, K>);

export const presentEndpoint = ({ endpointId, feature, name, value, endpoint, method, minimum, isActive }: FeatureEndpoint) => ({
  _id: endpointId, feature, name, value, endpoint, method, min_credits: toCredits(minimum), is_active: isActive,
});

export const presentPackage = ({ packageId, name, isInitial, isActive, features }: FeaturePackage) => ({
  _id: packageId, name, is_initial: isInitial, is_active: isActive,
  features: features.map(({ feature, endpointId, minimum, config }) => ({
    feature, feature_endpoint_id: endpointId === '' ? null : endpointId, min_credits: minimum === null ? null : toCredits(minimum),
    config: config === null ? null : JSON.parse(config) as unknown,
  })),
});

/** Seed data for a new installation: the feature of the guide, in the package of all users. */
export const DEMO_SEED = {
  endpoints: [{ feature: 'ai_chat', name: 'AI chat', value: 'ai_chat_v1', endpoint: '/api/chat', method: 'POST', min_credits: 10 }],
  packages: [{ name: 'Free', is_initial: true, features: [{ feature: 'ai_chat' }] }],
} as const;

