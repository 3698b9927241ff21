import type { Micros } from '../../kit/money/micros.js';
import type { OpenHold } from '../../ledger/account-snapshot.js';

/** What a stream's hold stores about itself (its `about`), to show it and to price its end. */
export type StreamAbout = { readonly modelId: string; readonly estimatedTokens: number; readonly estimate: Micros };

export const writeStreamAbout = (about: StreamAbout): string => JSON.stringify(about);

/** Reads what `writeStreamAbout` wrote. Holds that were placed by something else give nulls, never an exception. */
export function readStreamAbout(text: string): Partial<StreamAbout> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** An open stream as callers see it: a hold with what it says about itself. */
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
  const { modelId = '', estimate = hold.amount } = readStreamAbout(hold.about);
  const { holdId, seq, amount, placedAtMs, expiresAtMs } = hold;
  return { holdId, accountId, seq, modelId, estimate, amount, placedAtMs, expiresAtMs };
}
