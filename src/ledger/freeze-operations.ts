import type { OperationDeps } from './account-scripts.js';
import type { FreezeAccount, FreezeReply, Ledger } from './ledger.js';
import { amountAt, undocumented } from './replies.js';
import { freezeAccountScript } from './scripts.js';

/** Freezing and thawing an account. */
export function freezeOperations({ scripts, keys, written }: OperationDeps): Pick<Ledger, 'freeze' | 'thaw'> {
  const run = async ({ accountId, about }: FreezeAccount, kind: 'freeze' | 'thaw'): Promise<FreezeReply> => {
    const reply = await scripts.run(freezeAccountScript, accountId, ({ fence, account, journal }) => ({ fence, account, journal }), {
      kind, about,
    });
    const status = reply[0];
    switch (status) {
      case 'changed':
        written(keys.shardOf(accountId));
        return { status, seq: amountAt(reply, 1), atMs: amountAt(reply, 2) };
      case 'unchanged':
        return { status };
      default:
        throw undocumented('freeze-account', reply);
    }
  };
  return { freeze: (command) => run(command, 'freeze'), thaw: (command) => run(command, 'thaw') };
}
