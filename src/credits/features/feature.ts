import { randomBytes } from 'node:crypto';
import type { Micros } from '../../kit/money/micros.js';

/** Something that can be called and costs credits. Callers know it by its id or by its value. */
export type FeatureEndpoint = {
  /** 24 lower-case hexadecimal digits, as the original's. */
  readonly endpointId: string;
  /** The feature it belongs to: what packages include. */
  readonly feature: string;
  readonly name: string;
  readonly value: string;
  readonly endpoint: string;
  readonly method: string;
  /** The minimum balance for a start, unless a package sets another one. */
  readonly minimum: Micros;
  readonly isActive: boolean;
};

/** A feature that a package includes: all its endpoints, or (`endpointId` not '') one of them. */
export type PackageFeature = {
  readonly feature: string;
  readonly endpointId: string;
  /** Null: the endpoint's own. */
  readonly minimum: Micros | null;
  /** JSON text that callers get when they start, or null. */
  readonly config: string | null;
};

export type FeaturePackage = {
  readonly packageId: string;
  readonly name: string;
  /** Whether this is the package of users without a subscription. At most one package is. */
  readonly isInitial: boolean;
  readonly isActive: boolean;
  readonly features: readonly PackageFeature[];
};

export type Subscription = {
  readonly subscriptionId: string;
  readonly accountId: string;
  readonly packageId: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number | null;
  readonly isActive: boolean;
};

/** How a caller names an endpoint. If both are given, they must name the same endpoint (docs/contracts/credits-process.md Z9). */
export type EndpointName = { readonly endpointId: string | null; readonly value: string | null };

const HEX_ID = /^[0-9a-f]{24}$/i;

export const isHexId = (text: string): boolean => HEX_ID.test(text);
export const newHexId = (): string => randomBytes(12).toString('hex');
export const normalValue = (text: string): string => text.trim().toLowerCase();

/**
 * Reads the two names of a request. An id in another format is taken as a value: the example of the guide is `ai_chat_v1`
 * (docs/contracts/README.md#c-16). Null: no name was given, or two different ones.
 */
export function endpointName(id: string | undefined, value: string | undefined): EndpointName | null {
  const given = value === undefined ? null : normalValue(value);
  if (id === undefined || id === '') return given === null || given === '' ? null : { endpointId: null, value: given };
  if (isHexId(id)) return { endpointId: id.toLowerCase(), value: given };
  const alias = normalValue(id);
  return given === null || given === alias ? { endpointId: null, value: alias } : null;
}
