import { GatewayError } from '../kit/errors.js';
import { kindOf, type Tracer } from '../kit/tracing/tracer.js';
import type { Reply } from '../stores/redis/script.js';
import type { AccountScripts } from './account-scripts.js';
import { hasTrace, markTrace, withoutTrace } from './entry-trace.js';

/**
 * One span per call of a script, with the word that it answered. What the script writes into the journal carries the
 * span's name along (entry-trace.ts), so that the drainer, in another process and later, can go on with the same trace.
 */
export function traceScripts(scripts: AccountScripts, tracer: Tracer): AccountScripts {
  return {
    async run(script, accountId, keysOf, args) {
      const span = tracer.start(`script ${script.name}`, {
        kind: 'client', attributes: { 'db.system.name': 'redis', 'db.operation.name': 'EVALSHA' },
      });
      // A repeat answers what was said first, which may have been traced.
      if (span === null) return withoutTraces(await scripts.run(script, accountId, keysOf, args));
      const marked = mark(args, span.traceparent) as typeof args;
      try {
        const reply = await tracer.within(span, () => scripts.run(script, accountId, keysOf, marked));
        span.set({ 'credits.script.reply': reply[0] });
        return withoutTraces(reply);
      } catch (error) {
        span.fail(kindOf(error));
        if (error instanceof GatewayError && error.outcome !== undefined) span.set({ 'credits.script.outcome': error.outcome });
        throw error;
      } finally {
        span.end();
      }
    },
    restoreHold: (accountId, holdId) => scripts.restoreHold(accountId, holdId),
    recallHold: (accountId, holdId) => scripts.recallHold(accountId, holdId),
  };
}

const mark = (args: object, traceparent: string): object =>
  'about' in args && typeof args.about === 'string' ? { ...args, about: markTrace(args.about, traceparent) } : args;

const withoutTraces = (reply: Reply): Reply => (reply.some(hasTrace) ? (reply.map(withoutTrace) as unknown as Reply) : reply);
