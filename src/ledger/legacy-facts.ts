/**
 * Entries, holds and rows of the version before, which are still in journals, in Redis and in Postgres. Its texts have no
 * `type`; it told the kind of a hold by the first member of its text, and wrote the trace of a call in front of the others.
 */

/** Each kind by the first member that its holds' text had. Migration 0013 says the same in SQL. */
const FIRST_MEMBERS = [['{"modelId":', 'stream'], ['{"process":', 'process']] as const;

/** The kind of a hold by the text that it was placed with; '' when it tells none. */
export function legacyHoldKind(about: string): string {
  const text = withoutLegacyTrace(about);
  return FIRST_MEMBERS.find(([start]) => text.startsWith(start))?.[1] ?? '';
}

const BEFORE = '{"trace":"'.length;
/** A W3C traceparent of version 00 in front of the other members; callers' own texts are further inside. */
const MARK = /^\{"trace":"(00-[^"]{52})"(?:,|\}$)/;

/** The traceparent in a text, if there is one. */
export const legacyTrace = (about: string): string | undefined => MARK.exec(about)?.[1];

/** The text as it was before the trace was written into it. */
export function withoutLegacyTrace(about: string): string {
  const trace = legacyTrace(about);
  if (trace === undefined) return about;
  const rest = about.slice(BEFORE + trace.length + 1);
  return rest === '}' ? '' : `{${rest.slice(1)}`;
}

/** The type (facts.ts) of a text that has none, by the members that the version before gave to each. */
export function legacyType(value: Readonly<Record<string, unknown>>): string {
  if ('process' in value) return value['process'] === 'end' ? 'process_end' : 'process';
  if ('modelId' in value && 'estimate' in value) return 'stream';
  if (value['source'] === 'deduction') return 'deduction';
  if ('end' in value) return 'source' in value ? 'operator_end' : 'stream_end';
  if ('source' in value) return 'change';
  return 'usage' in value ? 'use' : 'unknown';
}
