import type { SessionRow } from '../../books/session.table.js';
import type { Micros } from '../../kit/money/micros.js';
import { readFacts } from '../../ledger/facts.js';
import { toOpenStream, type OpenStream } from './stream-hold.js';

/** A stream that is over, as callers see it. */
export type EndedStream = OpenStream & {
  /** `failed` too when its lease ran out, or when it was cut off. */
  readonly status: 'completed' | 'failed';
  readonly captured: Micros;
  readonly endedAtMs: number;
};

export const isEnded = (stream: OpenStream | EndedStream): stream is EndedStream => 'endedAtMs' in stream;

export function toEndedStream(row: SessionRow): EndedStream {
  return {
    ...toOpenStream(row.accountId, row),
    status: row.state === 'settled' && isComplete(row.endAbout ?? '') ? 'completed' : 'failed',
    captured: row.captured,
    endedAtMs: row.endedAtMs ?? row.expiresAtMs,
  };
}

/** Text that was put aside leaves only that the stream was paid for. */
function isComplete(endAbout: string): boolean {
  const facts = readFacts(endAbout);
  return !('end' in facts) || facts.end === 'completed';
}
