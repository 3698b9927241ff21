import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kit/clock.js';
import { orLate } from '../../kit/deadline.js';
import { TOKEN_CACHE_MAX } from '../../kit/limits.js';
import type { Principal } from '../../kit/principal.js';
import type { Db } from '../../stores/postgres/connect.js';
import { claimProvisional, type ClaimDeps } from './claim-provisional.js';
import { claimableNames, claimsById, isEmail, isTrusted, type NamesFrom } from './names.js';
import type { ProfileWriter, SeenProfile } from './profile-writer.js';
import { upsertProfiles } from './profile.table.js';
import { readAcquaintance, setOwned, type Acquaintance } from './provisional.table.js';

export type AdmitDeps = ClaimDeps & {
  readonly db: Db;
  readonly profiles: Pick<ProfileWriter, 'seen'>;
  readonly clock: Clock;
  /** For pauses: one that only goes forward. */
  readonly steadyClock: Clock;
  readonly onError: (error: unknown) => void;
  /** Whether the key server's tokens are bound to this gateway by JWT_ISSUER or JWT_AUDIENCE. */
  readonly isJwksBound: boolean;
  readonly waitMs?: number;
};

/** `unknown`: Postgres does not say whose account it is, and the issuer could be wrong. Nothing was done for the caller. */
export type Admission = 'admitted' | 'refused' | 'unknown';

/** The request of a new token waits at most this long; the work then continues in the background. */
const WAIT_MS = 2_000;
/** After a failure Postgres is not asked for this long, so that new tokens do not queue while it is down. */
const PAUSE_MS = 2_000;

/** The admission of one caller. `verdict`: set when Postgres has answered, so it is not the cause of a delay. */
type Welcome = { done: Promise<void>; verdict: 'admitted' | 'refused' | undefined };

/**
 * Admits the owner of a token that was verified for the first time: before the request continues, the profile is stored
 * and credits that were granted under the user's name are moved to the account. Most callers cost one statement over three
 * indexes. Never fails, and its time is bounded: the worker does what is left (resume-claims.ts).
 *
 * An issuer that is not trusted for names (names.ts) may not use an account whose credits wait for their owner, even if a
 * subject of its own has the same text. While Postgres is down it is admitted where the text itself shows that it is its own
 * id, and where this process has admitted it before.
 */
export function admitCaller(deps: AdmitDeps): (principal: Principal) => Promise<Admission> {
  const { steadyClock, profiles, onError, isJwksBound, waitMs = WAIT_MS } = deps;
  /** A client often sends its first requests in parallel; those of one caller share the work. */
  const underWay = new Map<string, Welcome>();
  const admittedBefore = new LRUCache<string, true>({ max: TOKEN_CACHE_MAX });
  let pausedUntilMs = 0;
  const pause = (): void => { pausedUntilMs = steadyClock() + PAUSE_MS; };

  const begin = (key: string, seen: SeenProfile): Welcome => {
    const entry: Welcome = { done: Promise.resolve(), verdict: undefined };
    const work = welcome(deps, seen, (verdict) => { entry.verdict = verdict; });
    entry.done = work
      .catch((error: unknown) => {
        pause();
        onError(error);
      })
      .finally(() => { underWay.delete(key); });
    underWay.set(key, entry);
    return entry;
  };
  /** Without an answer of Postgres. */
  const presume = (seen: SeenProfile): Admission => {
    const isOwn = claimsById(seen.namesFrom, seen.accountId) || admittedBefore.has(subjectOf(seen));
    if (!isOwn) return 'unknown';
    profiles.seen(seen);
    return 'admitted';
  };

  return async ({ accountId, username, email, role, issuer }) => {
    const namesFrom: NamesFrom = issuer === 'jwks' && !isJwksBound ? 'jwks-open' : issuer;
    const seen: SeenProfile = { accountId, username, email, role, namesFrom };
    // These issuers make no e-mail addresses as ids; an account of that id would get what is granted to the address.
    if (!isTrusted(namesFrom) && isEmail(accountId)) return 'refused';
    if (steadyClock() < pausedUntilMs) return presume(seen);
    const key = JSON.stringify([accountId, username, email, namesFrom]);
    const entry = underWay.get(key) ?? begin(key, seen);
    const isLate = await orLate(waitMs, entry.done.then(() => false), () => true);
    if (entry.verdict === undefined) {
      if (isLate) pause();
      return presume(seen);
    }
    if (entry.verdict === 'admitted') admittedBefore.set(subjectOf(seen), true);
    return entry.verdict;
  };
}

const subjectOf = ({ namesFrom, accountId }: SeenProfile): string => JSON.stringify([namesFrom, accountId]);

async function welcome(deps: AdmitDeps, seen: SeenProfile, answered: (verdict: 'admitted' | 'refused') => void): Promise<void> {
  const { db, profiles, clock } = deps;
  const { accountId } = seen;
  const acquaintance = await readAcquaintance(db, accountId, claimableNames(seen));
  if (!isOwnAccount(seen, acquaintance)) {
    answered('refused');
    return;
  }
  // Written now, so that an administrator can find the user by name from the first answer on; later changes are written in the background.
  if (acquaintance.isKnown) profiles.seen(seen);
  else await upsertProfiles(db, [{ ...seen, seenAtMs: clock() }]);
  answered('admitted');
  for (const each of acquaintance.provisional) {
    if (each === accountId) await setOwned(db, each);
    else await claimProvisional(deps, { accountId: each, claimant: accountId });
  }
}

/**
 * Whether the caller's issuer may speak for the account of the caller's subject. An account that is in use may be shared by
 * issuers; what waits for its owner's first token may not.
 */
function isOwnAccount({ accountId, namesFrom }: SeenProfile, { namesFrom: known, provisional }: Acquaintance): boolean {
  return claimsById(namesFrom, accountId) || (known !== 'admin' && !provisional.includes(accountId));
}
