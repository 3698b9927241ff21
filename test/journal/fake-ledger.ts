import { GatewayError, type Outcome } from '../../src/kit/errors.js';
import { micros } from '../../src/kit/money/micros.js';
import type { GrantLot, GrantLotReply, Ledger, Remove, RemoveReply, SetBalance, SetBalanceReply } from '../../src/ledger/ledger.js';

type MoneyLedger = Pick<Ledger, 'grantLot' | 'setBalance' | 'remove'>;

export type FakeLedger = {
  readonly ledger: Ledger;
  /** Keys in the order in which they were applied. */
  readonly applied: readonly string[];
  readonly calls: readonly string[];
  /** Makes the next call fail, before or after it takes effect. */
  failNext(outcome: Outcome, takesEffect: boolean): void;
  freeze(frozen: boolean): void;
};

/** One account in memory, idempotent by key as the scripts are: enough to test the code around the ledger. */
export function fakeLedger(): FakeLedger {
  const applied: string[] = [];
  const calls: string[] = [];
  const replies = new Map<string, object>();
  let available = 0;
  let failure: { readonly outcome: Outcome; readonly takesEffect: boolean } | null = null;
  let frozen = false;

  const once = async <Reply extends object>(key: string, work: () => Reply): Promise<Reply> => {
    calls.push(key);
    const now = failure;
    failure = null;
    const fail = (outcome: Outcome): never => { throw new GatewayError('ledger_unavailable', 'down', { outcome }); };
    if (now !== null && !now.takesEffect) fail(now.outcome);
    const earlier = replies.get(key) as Reply | undefined;
    if (earlier !== undefined) return Promise.resolve({ ...earlier, replayed: true });
    const reply = work();
    if ('replayed' in reply) {
      replies.set(key, reply);
      applied.push(key);
    }
    if (now !== null) fail(now.outcome);
    return Promise.resolve(reply);
  };

  const ledger: MoneyLedger = {
    grantLot: ({ key, amount }: GrantLot) => once<GrantLotReply>(key, () => {
      if (frozen) return { status: 'account_frozen' };
      const previous = available;
      available += amount;
      return {
        status: 'granted', replayed: false, remaining: amount, debtPaid: micros(0), previous: micros(previous),
        available: micros(available),
      };
    }),
    setBalance: ({ key, amount }: SetBalance) => once<SetBalanceReply>(key, () => {
      const previous = available;
      available = amount;
      return { status: 'set', replayed: false, previous: micros(previous), available: micros(available) };
    }),
    remove: ({ key, amount }: Remove) => once<RemoveReply>(key, () => {
      if (available < amount) return { status: 'insufficient_credits', available: micros(available) };
      const previous = available;
      available -= amount;
      return { status: 'removed', replayed: false, previous: micros(previous), available: micros(available) };
    }),
  };
  return {
    ledger: ledger as Ledger,
    applied,
    calls,
    failNext: (outcome, takesEffect) => { failure = { outcome, takesEffect }; },
    freeze: (value) => { frozen = value; },
  };
}
