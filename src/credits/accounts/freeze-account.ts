import type { Freshen } from '../../journal/freshen.js';
import { GatewayError } from '../../kit/errors.js';
import { writeFacts } from '../../ledger/facts.js';
import type { FreezeReply, Ledger } from '../../ledger/ledger.js';

export type FreezeDeps = { readonly ledger: Pick<Ledger, 'freeze' | 'thaw'>; readonly freshen: Pick<Freshen, 'account'> };

/** `reason` is storable text (ids.ts) of at most NOTES_LENGTH_MAX characters, and not empty. */
export type FreezeCommand = { readonly accountId: string; readonly reason: string; readonly actor: string };

/** `changed` false: the account already was in this state, and the first reason is kept. */
export type Frozen = { readonly accountId: string; readonly frozen: boolean; readonly changed: boolean };

/**
 * Refuses every write to an account: holds, settlements, charges and grants fail with account_frozen until it is thawed. A
 * refused grant is not retried; a settlement from a queue is.
 *
 * @throws GatewayError ledger_unavailable.
 */
export const freezeAccount = (deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> =>
  change(deps, command, (about) => deps.ledger.freeze({ accountId: command.accountId, about }), true);

/** Allows writes again. Holds and lots whose time passed meanwhile expire within seconds. */
export const thawAccount = (deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> =>
  change(deps, command, (about) => deps.ledger.thaw({ accountId: command.accountId, about }), false);

async function change(
  { freshen }: FreezeDeps, { accountId, reason, actor }: FreezeCommand, run: (about: string) => Promise<FreezeReply>,
  frozen: boolean,
): Promise<Frozen> {
  const { status } = await run(writeFacts({ type: 'change', source: 'administration', actor, reason }));
  // Written to Postgres before the answer, so that the freeze survives a loss of Redis. Also after a repeat, because the
  // first attempt may have crashed before. While Postgres is down the freeze is only in Redis, which is better than
  // not freezing the account.
  await freshen.account(accountId).catch(ignoreOutage);
  return { accountId, frozen, changed: status === 'changed' };
}

function ignoreOutage(error: unknown): void {
  if (!(error instanceof GatewayError && error.code === 'ledger_unavailable')) throw error;
}
