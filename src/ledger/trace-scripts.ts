import { GatewayError } from '../kit/errors.js';
import { kindOf, type Span, type Tracer } from '../kit/tracing/tracer.js';
import type { AccountScripts, BoundArgs } from './account-scripts.js';
import type { AccountKeys } from './keys.js';

/**
 * One span per call of a script, with the word that it answered. The entry that the script writes carries the span's
 * traceparent, so that the drainer, in another process and later, continues the same trace. It is not stored.
 */
export function traceScripts(scripts: AccountScripts, tracer: Tracer): AccountScripts {
  const startSpan = (name: string): Span | null => tracer.start(`script ${name}`, {
    kind: 'client', attributes: { 'db.system.name': 'redis', 'db.operation.name': 'EVALSHA' },
  });
  return {
    async run(script, accountId, keysOf, args) {
      const span = startSpan(script.name);
      if (span === null) return scripts.run(script, accountId, keysOf, args);
      try {
        const { traceparent: trace } = span;
        const traced: typeof args = typeof args === 'function'
          ? (bound, account) => args({ ...bound, trace }, account) : { ...args, trace };
        const reply = await tracer.within(span, () => scripts.run(script, accountId, keysOf, traced));
        span.set({ 'credits.script.reply': reply[0] });
        return reply;
      } catch (error) {
        failSpan(span, error);
        throw error;
      } finally {
        span.end();
      }
    },
    async runEach(script, calls, tell) {
      const spans = calls.map(() => startSpan(script.name));
      const traced = calls.map((call, index) => {
        const trace = spans[index]?.traceparent;
        if (trace === undefined) return call;
        return { ...call, args: (bound: BoundArgs, account: AccountKeys) => call.args({ ...bound, trace }, account) };
      });
      await scripts.runEach(script, traced, {
        done: (index, reply) => {
          spans[index]?.set({ 'credits.script.reply': reply[0] });
          spans[index]?.end();
          tell.done(index, reply);
        },
        failed: (index, error) => {
          const span = spans[index] ?? null;
          if (span !== null) failSpan(span, error);
          span?.end();
          tell.failed(index, error);
        },
      });
    },
    restoreHold: (accountId, holdId) => scripts.restoreHold(accountId, holdId),
    recallHold: (accountId, holdId) => scripts.recallHold(accountId, holdId),
    recallHolds: (names) => scripts.recallHolds(names),
    restoreReceipt: (accountId, key, made) => scripts.restoreReceipt(accountId, key, made),
  };
}

function failSpan(span: Span, error: unknown): void {
  span.fail(kindOf(error));
  if (error instanceof GatewayError && error.outcome !== undefined) span.set({ 'credits.script.outcome': error.outcome });
}
