import { randomBytes } from 'node:crypto';
import { mintToken } from '../src/edge/auth/mint-token.js';
import { micros, MICROS_PER_CREDIT } from '../src/kit/money/micros.js';
import type { Ledger } from '../src/ledger/ledger.js';

/** Accounts with the same balance in one lot or in many, and the tokens of their owners. */
export type BenchAccounts = {
  readonly lots: number;
  readonly ids: readonly string[];
  readonly tokens: readonly string[];
};

/** Enough for all holds of a run to be open at once; with many lots, some lots are used up during the run. */
export const CREDITS_PER_ACCOUNT = 25_600;
const TOKEN_TTL_SECONDS = 3_600;
const DAY_MS = 86_400_000;
const GRANTS_AT_ONCE = 200;

export async function openAccounts(
  ledger: Ledger, secret: string, lots: number, count: number, credits = CREDITS_PER_ACCOUNT,
): Promise<BenchAccounts> {
  const run = randomBytes(4).toString('hex');
  const ids = Array.from({ length: count }, (_, index) => `bench-${run}-${lots}-${index}`);
  const grants = ids.flatMap((accountId) => Array.from({ length: lots }, (_, lot) => ({ accountId, lot })));
  for (let from = 0; from < grants.length; from += GRANTS_AT_ONCE) {
    await Promise.all(grants.slice(from, from + GRANTS_AT_ONCE).map(async ({ accountId, lot }) => {
      const { status } = await ledger.grantLot({
        accountId, lotId: String(lot + 1), amount: micros(credits / lots * MICROS_PER_CREDIT),
        expiresAtMs: Date.now() + (30 + lot) * DAY_MS, key: `bench-${lot}`, kind: 'grant', about: '{}',
      });
      if (status !== 'granted') throw new Error(`a grant was refused: ${status}`);
    }));
  }
  const tokens = await Promise.all(ids.map((sub) => mintToken(secret, { sub, role: 'enduser' }, TOKEN_TTL_SECONDS, Date.now())));
  return { lots, ids, tokens };
}
