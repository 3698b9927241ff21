import { GatewayError } from '../kit/errors.js';
import { kindOf, type Tracer } from '../kit/tracing/tracer.js';
import type { AccountScripts } from './account-scripts.js';

/**
 * One span per call of a script, with the word that it answered. The entry that the script writes carries the span's
 * traceparent, so that the drainer, in another process and later, continues the same trace. It is not stored.
 */
export function traceScripts(scripts: AccountScripts, tracer: Tracer): AccountScripts {
  return {
    async run(script, accountId, keysOf, args) {
      const span = tracer.start(`script ${script.name}`, {
        kind: 'client', attributes: { 'db.system.name': 'redis', 'db.operation.name': 'EVALSHA' },
      });
      if (span === null) return scripts.run(script, accountId, keysOf, args);
      try {
        // Arguments that depend on the account's keys are of scripts that only read: they write no entry.
        const traced = typeof args === 'function' ? args : { ...args, trace: span.traceparent };
        const reply = await tracer.within(span, () => scripts.run(script, accountId, keysOf, traced));
        span.set({ 'credits.script.reply': reply[0] });
        return reply;
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
    restoreReceipt: (accountId, key, made) => scripts.restoreReceipt(accountId, key, made),
  };
}
