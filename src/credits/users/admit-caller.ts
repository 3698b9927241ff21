import type { Clock } from '../../kit/clock.js';
import { orLate } from '../../kit/deadline.js';
import type { Principal } from '../../kit/principal.js';
import type { Db } from '../../stores/postgres/connect.js';
import { claimProvisional, type ClaimDeps } from './claim-provisional.js';
import { claimableNames } from './names.js';
import type { ProfileWriter } from './profile-writer.js';
import { upsertProfiles } from './profile.table.js';
import { readAcquaintance, setOwned } from './provisional.table.js';

export type AdmitDeps = ClaimDeps & {
  readonly db: Db;
  readonly profiles: Pick<ProfileWriter, 'seen'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly waitMs?: number;
};

/** The request of a new token waits at most this long; the work then continues in the background. */
const WAIT_MS = 2_000;
/** After a failure Postgres is not asked for this long, so that new tokens do not queue while it is down. */
const PAUSE_MS = 2_000;

/** The admission of one caller. `isAnswered`: Postgres has answered, so it is not the cause of a delay. */
type Welcome = { readonly done: Promise<void>; isAnswered: boolean };

/**
 * Admits the owner of a token that was verified for the first time: before the request continues, the profile is stored
 * and credits that were granted under the user's name are moved to the account. Most callers cost one statement over three
 * indexes. Never fails, and its time is bounded: the worker does what is left (resume-claims.ts).
 */
export function admitCaller(deps: AdmitDeps): (principal: Principal) => Promise<void> {
  const { clock, profiles, onError, waitMs = WAIT_MS } = deps;
  /** A client often sends its first requests in parallel; those of one caller share the work. */
  const underWay = new Map<string, Welcome>();
  let pausedUntilMs = 0;
  const pause = (): void => { pausedUntilMs = clock() + PAUSE_MS; };

  const begin = (key: string, principal: Principal): Welcome => {
    const work = welcome(deps, principal, () => { entry.isAnswered = true; });
    const done = work
      .catch((error: unknown) => {
        pause();
        profiles.seen(principal);
        onError(error);
      })
      .finally(() => { underWay.delete(key); });
    const entry: Welcome = { done, isAnswered: false };
    underWay.set(key, entry);
    return entry;
  };

  return async (principal) => {
    if (clock() < pausedUntilMs) {
      profiles.seen(principal);
      return;
    }
    const { accountId, username, email, issuer } = principal;
    const key = JSON.stringify([accountId, username, email, issuer]);
    const entry = underWay.get(key) ?? begin(key, principal);
    const isLate = await orLate(waitMs, entry.done.then(() => false), () => true);
    if (isLate && !entry.isAnswered) pause();
  };
}

async function welcome(deps: AdmitDeps, principal: Principal, answered: () => void): Promise<void> {
  const { db, profiles, clock } = deps;
  const { accountId, username, email, role, issuer } = principal;
  const { isKnown, provisional } = await readAcquaintance(db, principal, claimableNames(principal));
  // Names are written now, so that an administrator can find the user by them from the first answer on; the rest later.
  if (isKnown) profiles.seen(principal);
  else await upsertProfiles(db, [{ accountId, username, email, role, namesFrom: issuer, seenAtMs: clock() }]);
  answered();
  for (const each of provisional) {
    if (each === accountId) await setOwned(db, each);
    else await claimProvisional(deps, { accountId: each, claimant: accountId });
  }
}
