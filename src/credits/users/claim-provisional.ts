import { fingerprint } from '../../kit/ids.js';
import { LOTS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn } from '../grants/money-in.js';
import { beginMoves, endMove, readOpenMoves, setClaimed, setOwned, type LotMove } from './provisional.table.js';

export type ClaimDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>;
};

/** `owned`: it is in use under its own id. `not_claimable`: somebody else has it, or more than one could. */
export type Claimed = { readonly status: 'claimed'; readonly waiting: number } | { readonly status: 'owned' | 'not_claimable' };

/** Who is named as the actor of the entries that a claim leaves on both sides. */
const ACTOR = 'system-claim';

/**
 * Gives what waits under a name to the account whose verified token has the name; the caller has checked that it has
 * (names.ts). Claimed once, by compare-and-set in Postgres; whatever breaks after that is finished by `moveCredits`,
 * which the worker calls again and again.
 *
 * @throws GatewayError ledger_unavailable, or pg's error: nothing is lost, and it may be tried again.
 */
export async function claimProvisional(
  deps: ClaimDeps, { accountId, claimant }: { readonly accountId: string; readonly claimant: string },
): Promise<Claimed> {
  if (isInUse(await deps.ledger.readAccount(accountId))) {
    await setOwned(deps.db, accountId);
    return { status: 'owned' };
  }
  if (!await setClaimed(deps.db, accountId, claimant)) return { status: 'not_claimable' };
  return { status: 'claimed', waiting: await moveCredits(deps, accountId) };
}

/**
 * Moves all that a claimed account has to its claimant; answers how many lots are still on their way. Also for credits
 * that came after the claim. May run many times, also at once: every step is done under a name that follows from the
 * lot, so that it happens once.
 */
export async function moveCredits(deps: ClaimDeps, accountId: string): Promise<number> {
  const snapshot = await deps.ledger.readAccount(accountId);
  if (isInUse(snapshot)) await setOwned(deps.db, accountId);
  else await beginMoves(deps.db, accountId, snapshot.lots);
  const moves = await readOpenMoves(deps.db, accountId);
  let waiting = moves.length;
  let room = await roomOf(deps, moves[0]?.claimedBy);
  for (const move of moves) {
    if (room === 0) break;
    room -= 1;
    if (await moveLot(deps, move)) waiting -= 1;
  }
  return waiting;
}

/**
 * Only the token whose subject is the account's own id can spend from it. So if anything was ever spent or is held, the
 * account belongs to that subject, even if Postgres was away when she came and nobody could note it.
 */
const isInUse = ({ holds, totals }: AccountSnapshot): boolean => holds.length > 0 || totals.captured > 0;

/** Lots that the claimant may still get: a lot that could not be granted should not be revoked. */
async function roomOf({ ledger }: ClaimDeps, claimant: string | undefined): Promise<number> {
  if (claimant === undefined) return 0;
  return Math.max(0, LOTS_PER_ACCOUNT_MAX - (await ledger.readAccount(claimant)).lots.length);
}

/**
 * One lot: revoked on one side, then granted on the other, with exactly what was left of it and with its expiry. Both
 * are intents under names of their own in Postgres; a crash between the two leaves the row of the move, and the next
 * run is told by the first intent how much it was. False: not there yet.
 */
export async function moveLot(deps: ClaimDeps, move: LotMove): Promise<boolean> {
  const amount = await revokeAtSource(deps, move);
  if (amount === null) return false;
  if (amount > 0 && !await grantToClaimant(deps, move, amount)) return false;
  await endMove(deps.db, move, amount);
  return true;
}

/** The second half of a key: the same for the two sides of a move. */
const nameOf = ({ accountId, lotId }: LotMove): string => `${accountId}/${lotId}`;

/** How much was left of the lot; null while nobody knows. A lot that has ended by itself meanwhile leaves nothing. */
async function revokeAtSource({ moneyIn }: ClaimDeps, move: LotMove): Promise<Micros | null> {
  const { accountId, lotId, claimedBy } = move;
  const result = await moneyIn.revoke({
    accountId, lotId, retriesRefused: true,
    idempotency: { scope: 'claim-revoke', key: nameOf(move) },
    fingerprint: fingerprint('claim', accountId, lotId, claimedBy),
    about: JSON.stringify({ source: 'claim', actor: ACTOR, to: claimedBy, notes: `claimed by ${claimedBy}` }),
  });
  switch (result.status) {
    case 'applied': return micros(result.previous - result.available);
    case 'pending': return null;
    case 'refused': return result.reason === 'lot_not_found' ? ZERO : null;
  }
}

async function grantToClaimant({ moneyIn }: ClaimDeps, move: LotMove, amount: Micros): Promise<boolean> {
  const { accountId, lotId, claimedBy, expiresAtMs } = move;
  const result = await moneyIn.grant({
    accountId: claimedBy, amount, expiresAtMs, retriesRefused: true,
    idempotency: { scope: 'claim-grant', key: nameOf(move) },
    fingerprint: fingerprint('claim', accountId, lotId, claimedBy),
    about: JSON.stringify({ source: 'claim', actor: ACTOR, from: accountId, lot: lotId, notes: `claimed from ${accountId}` }),
  });
  return result.status === 'applied';
}
