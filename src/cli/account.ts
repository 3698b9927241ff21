import { composeOversight } from '../compose/oversight.js';
import { readConfig } from '../config.js';
import { systemClock } from '../kit/clock.js';
import { commandActor, openCliCore } from './core.js';
import { say, type Result } from './output.js';
import { presentAccount, presentHold } from './present-account.js';
import { printable } from './printable.js';
import { requireReason } from './reason.js';

/** `credit-gateway account` and `holds`: work beside a running gateway, embedded or not, and need no token. */

type Oversight = ReturnType<typeof composeOversight>;

async function withAccount(target: string, work: (oversight: Oversight, accountId: string) => Promise<Result>): Promise<Result> {
  const { core, log, close } = await openCliCore(readConfig(), say);
  try {
    const oversight = composeOversight(core, log, systemClock);
    return await work(oversight, await oversight.nameAccount(target));
  } finally {
    await close();
  }
}

/** `target`: an id, a username or an e-mail address. */
export const showAccount = (target: string): Promise<Result> => withAccount(target, async (oversight, accountId) => {
  const json = presentAccount(await oversight.showAccount(accountId));
  return { json, text: JSON.stringify(json, null, 2) };
});

/**
 * A frozen account refuses every hold, settlement, charge and grant with 423 until it is thawed. An account that differs from the
 * books is frozen as it is, and thawed only when it has been repaired.
 */
export const freezeAccount = (target: string, by: { readonly reason: string }): Promise<Result> => changeFreeze(target, by.reason, true);
export const thawAccount = (target: string, by: { readonly reason: string }): Promise<Result> => changeFreeze(target, by.reason, false);

async function changeFreeze(target: string, reason: string, isFrozen: boolean): Promise<Result> {
  requireReason(reason);
  return withAccount(target, async (oversight, accountId) => {
    const run = isFrozen ? oversight.freezeAccount : oversight.thawAccount;
    const { changed } = await run({ accountId, reason, actor: commandActor() });
    const [state, name] = [isFrozen ? 'frozen' : 'not frozen', printable(accountId)];
    return {
      json: { accountId, frozen: isFrozen, changed },
      text: changed ? `${name} is ${state} now` : `${name} was ${state} already; nothing was changed`,
    };
  });
}

/** The open holds of an account, oldest first. */
export const listHolds = (target: string): Promise<Result> => withAccount(target, async (oversight, accountId) => {
  const { account: { holds } } = await oversight.showAccount(accountId);
  const json = holds.toSorted((one, other) => one.placedAtMs - other.placedAtMs).map(presentHold);
  const lines = json.map(({ holdId, amount, placedAt, expiresAt }) =>
    `${printable(holdId)}  ${amount} credits  placed ${placedAt}, lease ends ${expiresAt}`);
  return { json, text: lines.length === 0 ? `${printable(accountId)} has no open holds` : lines.join('\n') };
});
