import { LOTS_PER_ACCOUNT_MAX, MONEY_IN_RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import { micros, microsToText } from '../kit/money/micros.js';
import type { Reply } from '../stores/redis/script.js';
import { stepKeys, type OperationDeps } from './account-scripts.js';
import type { GrantLot, Ledger, SetBalance } from './ledger.js';
import { amountAt, isReplayed, undocumented } from './replies.js';
import { expireLotsScript, grantLotScript, revokeLotScript } from './scripts.js';

/** The operations of the ledger's port that add and remove lots. */
export function lotOperations(
  { scripts, keys, written }: OperationDeps,
): Pick<Ledger, 'grantLot' | 'setBalance' | 'revokeLot' | 'expireLots'> {
  const grant = async (command: SetBalance, kind: GrantLot['kind'] | 'set'): Promise<Reply> => {
    const { accountId, lotId, amount, expiresAtMs, key, about, rule = '' } = command;
    const reply = await scripts.run(grantLotScript, accountId, (account) => ({ ...stepKeys(account), receipt: account.receipt(key) }), {
      kind,
      lot_id: lotId,
      amount: microsToText(amount),
      expires_at_ms: expiresAtMs ?? 'inf',
      key,
      about,
      receipt_ttl_seconds: MONEY_IN_RECEIPT_TTL_SECONDS,
      lots_max: LOTS_PER_ACCOUNT_MAX,
      rule,
    });
    if (reply[0] === 'granted' && !isReplayed(reply)) written(keys.shardOf(accountId));
    return reply;
  };

  return {
    async grantLot(command) {
      const reply = await grant(command, command.kind);
      const status = reply[0];
      switch (status) {
        case 'granted': {
          const debtPaid = amountAt(reply, 4);
          return {
            status, replayed: isReplayed(reply), previous: amountAt(reply, 2), available: amountAt(reply, 3), debtPaid,
            remaining: (command.amount - debtPaid) as typeof debtPaid,
          };
        }
        case 'too_many_lots':
        case 'balance_limit':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('grant-lot', reply);
      }
    },

    async setBalance(command) {
      const reply = await grant(command, 'set');
      const status = reply[0];
      switch (status) {
        case 'granted':
          return { status: 'set', replayed: isReplayed(reply), previous: amountAt(reply, 2), available: amountAt(reply, 3) };
        case 'balance_limit':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('grant-lot', reply);
      }
    },

    async revokeLot({ accountId, lotId, key, about }) {
      const reply = await scripts.run(revokeLotScript, accountId, (account) => ({ ...stepKeys(account), receipt: account.receipt(key) }), {
        lot_id: lotId, key, about, receipt_ttl_seconds: MONEY_IN_RECEIPT_TTL_SECONDS,
      });
      const status = reply[0];
      switch (status) {
        case 'revoked': {
          const replayed = isReplayed(reply);
          if (!replayed) written(keys.shardOf(accountId));
          const [previous, available] = [amountAt(reply, 2), amountAt(reply, 3)];
          return { status, replayed, amount: micros(previous - available), previous, available };
        }
        case 'lot_not_found':
        case 'account_frozen':
          return { status };
        default:
          throw undocumented('revoke-lot', reply);
      }
    },

    async expireLots(accountId) {
      const reply = await scripts.run(expireLotsScript, accountId, stepKeys, {});
      if (reply[0] !== 'expired') return { status: 'nothing_due' };
      written(keys.shardOf(accountId));
      return { status: 'expired', amount: amountAt(reply, 1) };
    },
  };
}
