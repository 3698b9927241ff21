import type { Micros } from '../../src/kit/money/micros.js';

/** A session that the gateway accepted, and its answer about the end; `end` null: the session was never ended. */
export type ToldSession = {
  readonly accountId: string;
  readonly sessionId: string;
  readonly modelId: string;
  readonly estimatedTokens: number;
  readonly held: Micros;
  end: ToldEnd | null;
};

export type ToldEnd = {
  readonly charged: Micros;
  readonly returned: Micros;
  readonly overage: Micros;
  readonly debt: Micros;
  readonly uncollected: Micros;
};

/** `seq` null: the answer was lost, and without a key the outcome cannot be asked for. */
export type ToldCharge = { readonly accountId: string; readonly marker: string; readonly amount: Micros; readonly seq: number | null };
export type ToldGrant = { readonly accountId: string; readonly intentId: number; readonly amount: Micros };

/** All answers that callers got, for comparison with the books. */
export type Told = {
  readonly sessions: ToldSession[];
  readonly charges: ToldCharge[];
  readonly grants: ToldGrant[];
  /** Names of sessions and charges that were refused for lack of credits. */
  readonly refusedSessions: { readonly accountId: string; readonly sessionId: string }[];
  readonly refusedCharges: { readonly accountId: string; readonly marker: string }[];
  /** Requests that were sent twice at once and answered twice. */
  doubled: number;
  /** Answers that the contract does not allow. */
  readonly surprises: string[];
};

export const nothingTold = (): Told => ({
  sessions: [], charges: [], grants: [], refusedSessions: [], refusedCharges: [], doubled: 0, surprises: [],
});
