/**
 * The trace that an entry belongs to, for the drainer: a request that is being traced writes it in front of the facts
 * of its dialect, in the same JSON. It is a note to the drainer and goes no further; Postgres and callers get the facts
 * as they were given. Everybody else who reads them in Redis meets one more field, which nobody looks at.
 *
 * Only the ledger writes at this place: what callers send is further inside, so they cannot forge it.
 */
const MARK = '{"trace":"00-';
const BEFORE = '{"trace":"'.length;
/** Length of a W3C traceparent of version 00. */
const TRACEPARENT = 55;
/** Up to and with the quote behind the traceparent. */
const AFTER = BEFORE + TRACEPARENT + 1;

/** Writes the trace in front of the facts. Facts that could not be told apart again, such as `{}`, stay as they are. */
export function markTrace(about: string, traceparent: string): string {
  if (about === '') return `{"trace":"${traceparent}"}`;
  return about.startsWith('{"') ? `{"trace":"${traceparent}",${about.slice(1)}` : about;
}

export const hasTrace = (about: string): boolean =>
  about.startsWith(MARK) && about.charAt(AFTER - 1) === '"' && (about.charAt(AFTER) === ',' || about.length === AFTER + 1);

/** The traceparent, if there is one. */
export const traceOf = (about: string): string | undefined => (hasTrace(about) ? about.slice(BEFORE, BEFORE + TRACEPARENT) : undefined);

/** The facts as the dialect gave them. */
export function withoutTrace(about: string): string {
  if (!hasTrace(about)) return about;
  return about.length === AFTER + 1 ? '' : `{${about.slice(AFTER + 1)}`;
}
