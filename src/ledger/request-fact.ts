/**
 * What a request for money was, as its entry tells it: everything that Postgres had recorded of it before. A Postgres that has
 * lost the request gets it back from the journal, with the caller's key, so that a repeat is still known.
 */
export type RequestFact = {
  readonly kind: string;
  readonly amount: number;
  readonly expiresAtMs: number | null;
  readonly revokedLotId: string | null;
  readonly parts: string | null;
  readonly refundOf: string | null;
  readonly graceMs: number | null;
  readonly rule: string;
  readonly scope: string | null;
  readonly key: string | null;
  readonly fingerprint: string;
};

const MEMBER = 'request';

/** The facts of an entry (facts.ts) with its request. Their type stays the last member. */
export function withRequest(about: string, request: RequestFact): string {
  const told = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null && value !== ''));
  const { type, ...facts } = objectIn(about) ?? {};
  return JSON.stringify({ ...facts, [MEMBER]: told, ...(type === undefined ? {} : { type }) });
}

/** The request that an entry tells, and the facts without it; null for one that tells none. */
export function requestIn(about: string): { readonly request: RequestFact; readonly about: string } | null {
  const { [MEMBER]: told, ...facts } = objectIn(about) ?? {};
  if (typeof told !== 'object' || told === null) return null;
  const {
    kind, amount, expiresAtMs, revokedLotId, parts, refundOf, graceMs, rule, scope, key, fingerprint,
  } = told as Record<string, unknown>;
  if (typeof kind !== 'string' || !Number.isSafeInteger(amount) || typeof fingerprint !== 'string') return null;
  return {
    about: JSON.stringify(facts),
    request: {
      kind, amount: amount as number, fingerprint,
      expiresAtMs: numberOf(expiresAtMs), revokedLotId: textOf(revokedLotId), parts: textOf(parts),
      refundOf: textOf(refundOf), graceMs: numberOf(graceMs), rule: textOf(rule) ?? '', scope: textOf(scope), key: textOf(key),
    },
  };
}

function objectIn(about: string): Record<string, unknown> | null {
  try {
    const value: unknown = about === '' ? {} : JSON.parse(about);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
  } catch {
    return null;
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const numberOf = (value: unknown): number | null => (Number.isSafeInteger(value) ? value as number : null);
