import type { SessionRow } from '../../books/session.table.js';
import type { Micros } from '../../kit/money/micros.js';
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

/** Reads what `settleStreamHold` wrote. Text that was put aside leaves only that the stream was paid for. */
function isComplete(endAbout: string): boolean {
  try {
    const { end = 'completed' } = JSON.parse(endAbout) as { readonly end?: unknown };
    return end === 'completed';
  } catch {
    return true;
  }
}
