import type { Clock } from '../kit/clock.js';
import { joined } from '../kit/ids.js';
import { KEYS_KEPT_DAYS, KEY_LOOKUPS_MAX } from '../kit/limits.js';
import type { AccountSource } from '../ledger/account-image.js';
import type { Db } from '../stores/postgres/connect.js';
import { toGatewayError } from '../stores/postgres/errors.js';
import { lookupsPerTurn } from '../stores/postgres/lookups-per-turn.js';
import { readNamedEntries, type ChargeName, type NamedEntry } from './earlier-charge.table.js';

export type EarlierChargesDeps = { readonly db: Db; /** The time by which Redis stamps entries. */ readonly clock: Clock };

const DAY_MS = 86_400_000;
/** Neither accounts nor keys contain spaces. */
const nameOf = ({ accountId, key }: ChargeName): string => joined(accountId, key);

/** Looks up earlier keyed charges in Postgres, at most KEY_LOOKUPS_MAX in one statement. */
export function earlierCharges({ db, clock }: EarlierChargesDeps): AccountSource['loadCharge'] {
  const lookUp = lookupsPerTurn(async (asked: readonly ChargeName[]): Promise<readonly (NamedEntry | null)[]> => {
    const found = await readNamedEntries(db, asked, clock() - KEYS_KEPT_DAYS * DAY_MS);
    const byName = new Map(found.map((entry) => [nameOf(entry), entry]));
    return asked.map((name) => byName.get(nameOf(name)) ?? null);
  }, KEY_LOOKUPS_MAX);
  return (accountId, key) =>
    lookUp({ accountId, key }).catch((error: unknown) => { throw toGatewayError(error); });
}
