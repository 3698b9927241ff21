import { fingerprint } from '../../kit/ids.js';
import { LOTS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { AccountSnapshot } from '../../ledger/account-snapshot.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn } from '../grants/money-in.js';
import { beginMoves, endMove, readOpenMoves, setClaimed, setOwned, type LotMove } from './provisional.table.js';

export type ClaimDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'readAccount' | 'readFunds'>;
  readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>;
};

/** `owned`: the account is in use under its own id. `not_claimable`: another user has it, or several could claim it. */
export type Claimed = { readonly status: 'claimed'; readonly waiting: number } | { readonly status: 'owned' | 'not_claimable' };

/** The actor of the entries that a claim writes on both accounts. */
const ACTOR = 'system-claim';

/**
 * Gives the credits of a provisional account to the account whose verified token has its name; the caller has checked
 * that (names.ts). It is claimed once, by compare-and-set in Postgres. If a later step fails, `moveCredits` finishes it,
 * which the worker repeats.
 *
 * @throws GatewayError ledger_unavailable, or an error of pg: nothing is lost, and the call may be repeated.
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
 * Moves all credits of a claimed account to its claimant, including those granted after the claim; returns how many lots
 * are not moved yet. Several calls may overlap: the keys of all steps are derived from the lot, so each happens once.
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
 * Only a token whose subject is the account id can spend from it. So if credits were ever spent or are held, the account
 * belongs to that subject, even if Postgres was down at the first request and the owner was not recorded.
 */
const isInUse = ({ holds, totals }: AccountSnapshot): boolean => holds.length > 0 || totals.captured > 0;

/** How many lots the claimant can still receive: a lot must not be revoked if it cannot be granted. */
async function roomOf({ ledger }: ClaimDeps, claimant: string | undefined): Promise<number> {
  if (claimant === undefined) return 0;
  return Math.max(0, LOTS_PER_ACCOUNT_MAX - (await ledger.readFunds(claimant)).lots.length);
}

/**
 * Moves one lot: revokes it on one account and grants its rest, with its expiry, on the other. Both are intents with their
 * own keys in Postgres. After a crash between the two, the row of the move remains, and the next run takes the amount from
 * the first intent. False: not finished yet.
 */
export async function moveLot(deps: ClaimDeps, move: LotMove): Promise<boolean> {
  const amount = await revokeAtSource(deps, move);
  if (amount === null) return false;
  if (amount > 0 && !await grantToClaimant(deps, move, amount)) return false;
  await endMove(deps.db, move, amount);
  return true;
}

/** The second half of a key, equal for both sides of a move. */
const nameOf = ({ accountId, lotId }: LotMove): string => `${accountId}/${lotId}`;

/** The rest of the lot; null while it is unknown; 0 for a lot that has expired meanwhile. */
async function revokeAtSource({ moneyIn }: ClaimDeps, move: LotMove): Promise<Micros | null> {
  const { accountId, lotId, claimedBy } = move;
  const result = await moneyIn.revoke({
    accountId, lotId, retriesRefused: true,
    idempotency: { scope: 'claim-revoke', key: nameOf(move) },
    fingerprint: fingerprint('claim', accountId, lotId, claimedBy),
    about: writeFacts({ type: 'change', source: 'claim', actor: ACTOR, to: claimedBy, notes: `claimed by ${claimedBy}` }),
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
    about: writeFacts({
      type: 'change', source: 'claim', actor: ACTOR, from: accountId, lot: lotId, notes: `claimed from ${accountId}`,
    }),
  });
  return result.status === 'applied';
}
