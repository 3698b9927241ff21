import type { Stream } from 'openai/streaming';
import { reasonOfAbort, type Meter } from './metering.js';
import type { Json } from './openai-request.js';
import type { Track } from './openai-tracks.js';

export type StreamFacts = {
  /** Whether the provider was told a lower maximum than the caller asked for. */
  readonly isLowered: boolean;
  /** The caller's own, of the options of the request. */
  readonly signal: AbortSignal | null | undefined;
};

/**
 * The items of a stream, counted before they are delivered. The last ones are kept back until the lease has ended with the
 * provider's usage, so that a caller that leaves at the finish reason pays what the provider counts.
 */
export function meteredStream(upstream: Stream<Json>, meter: Meter, track: Track, { isLowered, signal }: StreamFacts): Stream<Json> {
  // Not the provider's own: after a cut this one is not aborted, as for the caller the stream has ended well.
  const controller = new AbortController();
  const leave = (): Promise<void> => meter.abandon(reasonOfAbort(signal), true);
  controller.signal.addEventListener('abort', () => {
    upstream.controller.abort();
    void leave();
  });
  const onAbort = (): void => { controller.abort(); };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });

  const end = (): Promise<void> => {
    if (controller.signal.aborted) return leave();
    const reason = !track.isWhole || track.isFailed ? 'provider_error' : isLowered && track.isAtLimit ? 'cut_off' : 'completed';
    return meter.end(reason, track.usage);
  };
  async function* cut(item: Json, text: string): AsyncGenerator<Json, void> {
    await meter.end('cut_off');
    upstream.controller.abort();
    const shortened = track.shortened(item, text);
    const shown = shortened === null ? null : track.shown(shortened);
    if (shown !== null && text !== '') yield shown;
    yield* track.ending(meter.counted);
  }
  async function* items(): AsyncGenerator<Json, void> {
    let isOver = false;
    const kept: Json[] = [];
    try {
      for await (const item of upstream) {
        const said = track.see(item);
        const { text, isCut } = said === '' ? { text: said, isCut: false } : await meter.take(said);
        // What comes after an abort is not delivered.
        if (controller.signal.aborted) break;
        if (isCut) {
          isOver = true;
          yield* cut(item, text);
          return;
        }
        const shown = track.shown(item);
        if (shown === null) continue;
        if (track.isWhole) kept.push(shown);
        else yield shown;
      }
      await end();
      isOver = true;
      yield* kept;
    } catch (error) {
      isOver = true;
      await (controller.signal.aborted ? leave() : meter.abandon(track.isWhole ? 'completed' : 'provider_error'));
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (!isOver) {
        await leave();
        controller.abort();
      }
    }
  }
  const Streams = upstream.constructor as new (iterator: () => AsyncIterator<Json>, controller: AbortController) => Stream<Json>;
  return new Streams(items, controller);
}
