import type { Freshen } from '../../journal/freshen.js';
import { GatewayError } from '../../kit/errors.js';
import type { FreezeReply, Ledger } from '../../ledger/ledger.js';

export type FreezeDeps = { readonly ledger: Pick<Ledger, 'freeze' | 'thaw'>; readonly freshen: Pick<Freshen, 'account'> };

/** `reason` is storable text (ids.ts) of at most NOTES_LENGTH_MAX characters, and not empty. */
export type FreezeCommand = { readonly accountId: string; readonly reason: string; readonly actor: string };

/** `changed` false: it was so already, and the first reason stands. */
export type Frozen = { readonly accountId: string; readonly frozen: boolean; readonly changed: boolean };

/**
 * Stops every write to an account: holds, settlements, charges and grants are refused with account_frozen until it is
 * thawed. A grant that is refused is refused for good; a settlement that comes by queue waits.
 *
 * @throws GatewayError ledger_unavailable.
 */
export const freezeAccount = (deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> =>
  change(deps, command, (about) => deps.ledger.freeze({ accountId: command.accountId, about }), true);

/** Allows writes again. What fell due meanwhile ends within seconds. */
export const thawAccount = (deps: FreezeDeps, command: FreezeCommand): Promise<Frozen> =>
  change(deps, command, (about) => deps.ledger.thaw({ accountId: command.accountId, about }), false);

async function change(
  { freshen }: FreezeDeps, { accountId, reason, actor }: FreezeCommand, run: (about: string) => Promise<FreezeReply>,
  frozen: boolean,
): Promise<Frozen> {
  const { status } = await run(JSON.stringify({ source: 'administration', actor, reason }));
  // Into Postgres before the answer, so that not even the loss of all of Redis takes it back; after a repeat as well,
  // since the first attempt may have died before. While Postgres is away the freeze holds in Redis all the same, and
  // to stop an account now is worth more than to be sure of it later.
  await freshen.account(accountId).catch(ignoreOutage);
  return { accountId, frozen, changed: status === 'changed' };
}

function ignoreOutage(error: unknown): void {
  if (!(error instanceof GatewayError && error.code === 'ledger_unavailable')) throw error;
}
