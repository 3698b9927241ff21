import type { Clock } from '../kit/clock.js';
import { kindOf, type Span, type Tracer } from '../kit/tracing/tracer.js';
import { atMsOf } from '../ledger/stream-position.js';
import type { TraceBatch } from './drain.js';
import type { ShardBatch } from './fold-accounts.js';

/** An entry written by a traced request. */
type Traced = { readonly traceparent: string; readonly atMs: number };

/**
 * Traces entries from their scripts to Postgres. A batch with a traced entry appears in that entry's trace as one span
 * with all its statements; with several, in the trace of the first, with links to the others and to the job. Every traced
 * entry also gets a span `drained` in its own trace, from its writing by Redis' clock to the commit.
 */
export function traceBatches(tracer: Tracer, clock: Clock): TraceBatch {
  return async (drain) => {
    const startMs = clock();
    const found: { span: Span | null; traced: readonly Traced[] } = { span: null, traced: [] };
    const onRead = (batches: readonly ShardBatch[]): void => {
      found.traced = tracedIn(batches);
      const [first, ...others] = found.traced;
      const job = first === undefined ? null : tracer.current();
      found.span = tracer.start('drain', {
        kind: 'consumer', startMs, parent: first?.traceparent,
        links: [...others.map(({ traceparent }) => traceparent), ...(job === null ? [] : [job.traceparent])],
        attributes: {
          'credits.drain.entries': batches.reduce((sum, { entries }) => sum + entries.length, 0),
          'credits.drain.shards': batches.length,
        },
      });
      if (found.span !== null) tracer.enter(found.span);
    };
    return tracer.within(tracer.current(), async () => {
      try {
        const batch = await drain(onRead);
        const committedMs = clock();
        for (const { traceparent, atMs } of found.traced) {
          tracer.start('drained', {
            kind: 'consumer', parent: traceparent, startMs: Math.min(atMs, committedMs),
            links: found.span === null ? [] : [found.span.traceparent],
          })?.end(committedMs);
        }
        return batch;
      } catch (error) {
        found.span?.fail(kindOf(error));
        throw error;
      } finally {
        found.span?.end();
      }
    });
  };
}

const tracedIn = (batches: readonly ShardBatch[]): Traced[] => batches.flatMap(({ entries }) =>
  entries.flatMap(({ trace, streamId }) => (trace === undefined ? [] : [{ traceparent: trace, atMs: atMsOf(streamId) }])));
