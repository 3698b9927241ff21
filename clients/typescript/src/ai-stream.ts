import type { WrapStream } from './ai-request.js';
import { reasonOfAbort, type Meter } from './metering.js';
import type { ReportedUsage } from './provider-usage.js';

type Parts = Awaited<ReturnType<WrapStream>>['stream'];
type Part = Parts extends ReadableStream<infer P> ? P : never;
type Usage = Extract<Part, { type: 'finish' }>['usage'];

/** Usage of the AI SDK as the gateway counts it: totals, with their parts. */
export const reportedBy = ({ inputTokens, outputTokens }: Usage): ReportedUsage => ({
  inputTokens: inputTokens.total, cachedInputTokens: inputTokens.cacheRead, cacheWriteTokens: inputTokens.cacheWrite,
  outputTokens: outputTokens.total, reasoningTokens: outputTokens.reasoning,
});

export type StreamFacts = {
  /** Whether the provider was told a lower maximum than the caller asked for. */
  readonly isLowered: boolean;
  readonly signal: AbortSignal | undefined;
};

/** The parts of a model's answer, counted before they are delivered. The lease ends before the last part is delivered. */
export function meteredParts(upstream: Parts, meter: Meter, { isLowered, signal }: StreamFacts): Parts {
  const reader = upstream.getReader();
  const open = openParts();
  let hasFailed = false;
  // A consumer that goes away may never read again.
  const onAbort = (): void => { void meter.abandon(reasonOfAbort(signal), true); };
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const end = async (...how: Parameters<Meter['end']>): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    await meter.end(...how);
  };
  /** Delivers a part. True: it was the last one. */
  const deliver = async (part: Part, send: (part: Part) => void): Promise<boolean> => {
    if (part.type === 'error') hasFailed = true;
    if (part.type === 'finish') {
      const isCut = isLowered && part.finishReason.unified === 'length';
      await end(hasFailed ? 'provider_error' : isCut ? 'cut_off' : 'completed', reportedBy(part.usage));
    }
    const text = open.see(part);
    const { text: kept, isCut } = text === '' ? { text, isCut: false } : await meter.take(text);
    signal?.throwIfAborted();
    if (!isCut) { send(part); return false; }
    await end('cut_off');
    await reader.cancel().catch(() => undefined);
    if (kept !== '' && 'delta' in part) send({ ...part, delta: kept });
    for (const last of open.close()) send(last);
    send({ type: 'finish', finishReason: { unified: 'length', raw: 'credits' }, usage: countedUsage(meter) });
    return true;
  };
  return new ReadableStream<Part>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (done) await end('provider_error');
        if (done || await deliver(value, (part) => { controller.enqueue(part); })) controller.close();
      } catch (error) {
        signal?.removeEventListener('abort', onAbort);
        await (signal?.aborted === true ? meter.abandon(reasonOfAbort(signal), true) : meter.abandon('provider_error'));
        await reader.cancel(error).catch(() => undefined);
        throw error;
      }
    },
    cancel: async (reason) => {
      signal?.removeEventListener('abort', onAbort);
      await Promise.all([reader.cancel(reason), meter.abandon('client_disconnect', true)]);
    },
  }, { highWaterMark: 0 });
}

const countedUsage = ({ counted: { inputTokens, outputTokens } }: Meter): Usage => ({
  inputTokens: { total: inputTokens, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: outputTokens, text: undefined, reasoning: undefined },
});

const ENDS = { 'text-start': 'text-end', 'reasoning-start': 'reasoning-end', 'tool-input-start': 'tool-input-end' } as const;

/** What of an answer has begun and not ended. */
function openParts() {
  const begun = new Map<string, (typeof ENDS)[keyof typeof ENDS]>();
  const toolInputs = new Set<string>();
  return {
    /** The text of a part that is to be counted. */
    see(part: Part): string {
      const { type } = part;
      if (type === 'text-start' || type === 'reasoning-start' || type === 'tool-input-start') {
        begun.set(`${ENDS[type]} ${part.id}`, ENDS[type]);
        return type === 'tool-input-start' ? part.toolName : '';
      }
      if (type === 'text-end' || type === 'reasoning-end' || type === 'tool-input-end') begun.delete(`${type} ${part.id}`);
      if (type === 'text-delta' || type === 'reasoning-delta') return part.delta;
      if (type === 'tool-input-delta') {
        toolInputs.add(part.id);
        return part.delta;
      }
      return type === 'tool-call' && !toolInputs.has(part.toolCallId) ? part.toolName + part.input : '';
    },
    close: (): readonly Part[] => [...begun].map(([key, type]) => ({ type, id: key.slice(type.length + 1) })),
  };
}
