import { AMOUNT_MAX, micros, ZERO, type Micros } from '../kit/money/micros.js';
import { runAlone } from '../kit/tell.js';
import type { LeasedHold } from './lease-port.js';
import { keyLimitState, keyLimitText, wasNotExecuted, type KeyLimit, type KeySpend, type Reserved } from './key-spend.js';
import type { Ledger, PlaceHold, PlaceHoldReply } from './ledger.js';
import { KEY_LIMIT } from './limits.js';
import { placeAmongOthers } from './place-operations.js';

/**
 * The ledger, with what API keys that have a limit spend in all accounts. One more script before the operation; a second one after it
 * if it was refused or took less; and one after the end of a hold.
 */
export function boundByKeys(ledger: Ledger, spend: KeySpend): Ledger {
  /** Reserves, runs the operation, and drops what was reserved if the operation certainly did nothing. */
  const within = async <Reply extends { readonly status: string }>(
    reserved: Reserved, work: () => Promise<Reply>, done: (reply: Reply) => boolean,
  ): Promise<Reply> => {
    try {
      const reply = await work();
      if (!done(reply)) await spend.drop(reserved);
      return reply;
    } catch (error) {
      if (wasNotExecuted(error)) await spend.drop(reserved);
      throw error;
    }
  };
  const limitOf = async (name: string | undefined) => (name === undefined || name === '' ? null : spend.limitOf(name));
  const shown = (hold: LeasedHold, reserved: Reserved): LeasedHold =>
    ({ ...hold, final: hold.final || reserved.remaining === 0, limits: [...hold.limits, keyLimitState(reserved)] });
  /** What a hold took less than was reserved for it. */
  const excess = ({ granted, before }: Reserved, amount: Micros): Micros =>
    micros(Math.max(0, Math.min(granted, before + granted - amount)));

  const placeWithin = async (
    limit: KeyLimit, command: PlaceHold, place: (command: PlaceHold) => Promise<PlaceHoldReply>,
  ): Promise<PlaceHoldReply> => {
    const { accountId, holdId } = command;
    const { minimum, desired } = await boundsOf(ledger, command);
    const reserved = await spend.reserve(limit, { mode: 'to', minimum, desired, hold: { accountId, holdId } });
    const keyLimit = keyLimitText(reserved, micros(reserved.before + reserved.granted));
    const reply = await within(reserved, () => place({ ...command, keyLimit }), ({ status }) => status === 'placed');
    if (reply.status !== 'placed') return reply;
    // A hold that was placed before the key had a limit counts when it ends.
    if (reply.replayed && reserved.before === 0) await spend.drop(reserved);
    else await spend.shrink(reserved, excess(reserved, reply.replayed ? reserved.before : reply.amount));
    return { ...reply, limits: [...reply.limits, keyLimitState(reserved)] };
  };

  return {
    ...ledger,

    async placeHold(command) {
      const limit = await limitOf(command.spending?.key);
      return limit === null ? ledger.placeHold(command) : placeWithin(limit, command, (bound) => ledger.placeHold(bound));
    },

    async placeHolds(commands, tell) {
      const limitOfName = new Map<string | undefined, KeyLimit | null>();
      try {
        for (const name of new Set(commands.map(({ spending }) => spending?.key))) limitOfName.set(name, await limitOf(name));
      } catch (error) {
        commands.forEach((_, index) => { tell.failed(index, error); });
        return;
      }
      if ([...limitOfName.values()].every((limit) => limit === null)) {
        await ledger.placeHolds(commands, tell);
        return;
      }
      await runAlone(commands, tell, (command) => {
        const limit = limitOfName.get(command.spending?.key) ?? null;
        const place = (each: PlaceHold): Promise<PlaceHoldReply> => placeAmongOthers(ledger, each);
        return limit === null ? place(command) : placeWithin(limit, command, place);
      });
    },

    async extendHold(command) {
      const { accountId, holdId, mode, minimum, desired } = command;
      const limit = desired === 0 ? null : await limitOf(command.apiKey);
      if (limit === null) return ledger.extendHold(command);
      const reserved = await spend.reserve(limit, { mode, minimum, desired, hold: { accountId, holdId } });
      const reply = await within(reserved, () => ledger.extendHold({ ...command, keyLimit: keyLimitText(reserved) }),
        ({ status }) => status === 'extended');
      if (reply.status !== 'extended') return reply;
      await spend.shrink(reserved, reply.replayed ? reserved.granted : excess(reserved, reply.hold.amount));
      return reply.replayed ? reply : { ...reply, hold: shown(reply.hold, reserved) };
    },

    async reportProgress(command) {
      const { accountId, holdId, raiseTo } = command;
      const limit = raiseTo === null || raiseTo === 0 ? null : await limitOf(command.apiKey);
      if (limit === null || raiseTo === null) return ledger.reportProgress(command);
      const reserved = await spend.reserve(limit, { mode: 'to', minimum: ZERO, desired: raiseTo, hold: { accountId, holdId } });
      const reply = await within(reserved, () => ledger.reportProgress({ ...command, keyLimit: keyLimitText(reserved) }),
        ({ status }) => status === 'reported');
      if (reply.status !== 'reported') return reply;
      await spend.shrink(reserved, excess(reserved, reply.hold.amount));
      return { ...reply, hold: shown(reply.hold, reserved) };
    },

    async charge(command) {
      const limit = await limitOf(command.spending?.key);
      if (limit === null) return ledger.charge(command);
      const reserved = await spend.reserve(limit, { mode: 'by', minimum: command.amount, desired: command.amount, hold: null });
      return within(reserved, () => ledger.charge({ ...command, keyLimit: keyLimitText(reserved) }),
        (reply) => reply.status === 'charged' && !reply.replayed);
    },

    async readLimits(accountId, spending) {
      const limits = await ledger.readLimits(accountId, spending);
      const limit = await limitOf(spending.key);
      if (limit === null) return limits;
      const { used, remaining, resetsAtMs } = await spend.reserve(limit, { mode: 'by', minimum: ZERO, desired: ZERO, hold: null });
      return [...limits, { limitId: KEY_LIMIT, mode: 'refuse', used, remaining, resetsAtMs }];
    },
  };
}

/**
 * How much a place may take. Where it asks for the most that one hold may have, that is read first: so that not all that the key may
 * spend is set aside. The script decides by what it is then.
 */
async function boundsOf(
  ledger: Ledger, { accountId, minimum, desired, holdMax = null }: PlaceHold,
): Promise<{ readonly minimum: Micros; readonly desired: Micros }> {
  if (minimum !== null && desired !== null) return { minimum, desired };
  const { terms } = await ledger.readFunds(accountId);
  const most = micros(Math.min(desired ?? AMOUNT_MAX, terms.maxHold ?? AMOUNT_MAX, holdMax ?? AMOUNT_MAX));
  return { minimum: minimum ?? most, desired: most };
}
