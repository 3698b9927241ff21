import type { Micros } from '../../kit/money/micros.js';
import type { OpenHold } from '../../ledger/account-snapshot.js';
import { readFacts } from '../../ledger/facts.js';

/** An open stream as callers see it: a hold with its facts. */
export type OpenStream = {
  readonly holdId: string;
  readonly accountId: string;
  /** Number of the entry that placed it in the account's ledger: 1, 2, 3 … */
  readonly seq: number;
  readonly modelId: string;
  readonly estimate: Micros;
  readonly amount: Micros;
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
};

export function toOpenStream(accountId: string, hold: OpenHold): OpenStream {
  const facts = readFacts(hold.about);
  const { modelId, estimate } = facts.type === 'stream' ? facts : { modelId: '', estimate: null };
  const { holdId, seq, amount, placedAtMs, expiresAtMs } = hold;
  return { holdId, accountId, seq, modelId, estimate: estimate ?? amount, amount, placedAtMs, expiresAtMs };
}
