import type { Reply } from '../stores/redis/script.js';
import { nameOfAccount } from './account-name.js';
import type { OperationDeps } from './account-scripts.js';
import type { AccountKeys } from './keys.js';
import type { Ledger } from './ledger.js';
import { encodeLimits, indexLimits, renewEdges, type Spending } from './limits.js';
import { amountAt, momentAt, textAt, undocumented } from './replies.js';
import { termsToText } from './account-terms.js';
import { readLimitsScript, setLimitsScript, setTermsScript } from './scripts.js';

const limitKeys = ({ fence, account, limits }: AccountKeys) => ({ fence, account, limits });

/** Arguments of every script that counts against limits. */
export const spendingArgs = (
  accountId: string, { spender = accountId, model = '', otherModels = [], severalModels = false, feature = '', key = '' }: Spending = {},
) => ({
  // Named as in keys, because it becomes part of texts that scripts write and read.
  spender: nameOfAccount(spender), feature, api_key: key,
  model: namesOf(model, otherModels, severalModels),
});

function namesOf(model: string, otherModels: readonly string[], severalModels: boolean): string {
  if (otherModels.length === 0 && !severalModels) return model;
  return `${severalModels ? '\t' : ''}${[...new Set([model, ...otherModels])].join('\t')}`;
}

/** Makes new edges for the definitions that a script answered as stale (lua/includes/limits.lua). */
export async function renewLimits({ scripts }: Pick<OperationDeps, 'scripts'>, accountId: string, reply: Reply): Promise<void> {
  const nowMs = amountAt(reply, 1);
  const version = textAt(reply, 2);
  const definitions = renewEdges(textAt(reply, 3), nowMs);
  await scripts.run(setLimitsScript, accountId, limitKeys, { version, definitions, index: indexLimits(version, definitions), renews: 1 });
}

/** Definitions and counters of limits, and terms of holds. */
export function limitOperations(
  { scripts, past }: Pick<OperationDeps, 'scripts'> & {
    /** Runs a script again after what it named has been done: stale edges renewed. */
    readonly past: (accountId: string, run: () => Promise<Reply>) => Promise<Reply>;
  },
): Pick<Ledger, 'setLimits' | 'readLimits' | 'setTerms'> {
  return {
    async setLimits({ accountId, limits, nowMs }) {
      const { version } = limits;
      const definitions = encodeLimits(limits, nowMs);
      const reply = await scripts.run(setLimitsScript, accountId, limitKeys, {
        version, definitions, index: indexLimits(version, definitions), renews: 0,
      });
      const status = reply[0];
      if (status !== 'set' && status !== 'unchanged') throw undocumented('set-limits', reply);
      return { status };
    },

    async setTerms(accountId, { version, terms }) {
      const reply = await scripts.run(setTermsScript, accountId, ({ fence, account }) => ({ fence, account }), {
        version, terms: termsToText(terms),
      });
      const status = reply[0];
      if (status !== 'set' && status !== 'unchanged') throw undocumented('set-terms', reply);
      return { status };
    },

    async readLimits(accountId, spending) {
      const reply = await past(accountId, () => scripts.run(readLimitsScript, accountId, limitKeys, spendingArgs(accountId, spending)));
      if (reply[0] !== 'limits') throw undocumented('read-limits', reply);
      return Array.from({ length: (reply.length - 1) / 5 }, (_, index) => {
        const at = 1 + 5 * index;
        return {
          limitId: textAt(reply, at), used: amountAt(reply, at + 1), remaining: amountAt(reply, at + 2),
          resetsAtMs: momentAt(reply, at + 3), mode: textAt(reply, at + 4) === 'warn' ? 'warn' : 'refuse',
        };
      });
    },
  };
}
