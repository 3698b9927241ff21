import { DUE_HOLDS_AT_ONCE, PLACED_TOGETHER_MAX, UNDRAINED_RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import { microsToText, textOrNone, ZERO } from '../kit/money/micros.js';
import { itemAt, type Tell } from '../kit/tell.js';
import { gathered } from '../stores/redis/gathered-script.js';
import type { Reply } from '../stores/redis/script.js';
import type { ChargeImage } from './account-image.js';
import { notNow, type AccountCall, type AccountScripts, type BoundArgs, type OperationDeps } from './account-scripts.js';
import { placeKeyText } from './charge-key.js';
import { placeKeys } from './hold-keys.js';
import { spendingArgs } from './limit-operations.js';
import type { Ledger } from './ledger.js';
import type { MemoryGuard } from './memory-guard.js';
import type { PlaceHold, PlaceHoldReply } from './place-port.js';
import { decodePlaceReply } from './place-reply.js';
import { recallCharge, type RecallDeps } from './recall-charge.js';
import { isReplayed } from './replies.js';
import { PLACE_ACCOUNT_KEYS, PLACE_OWN, PLACE_SHARED, placeHoldScript, type PlaceArg, type PlaceKey } from './scripts.js';

export type PlaceDeps = OperationDeps & RecallDeps & {
  readonly scripts: AccountScripts;
  readonly guard: MemoryGuard;
  /** Runs a script again after what it named has been done: holds past their lease ended, stale edges renewed. */
  readonly pastDueHolds: (accountId: string, run: () => Promise<Reply>) => Promise<Reply>;
  /** Reports a reply of a limit that has refused. */
  readonly tellLimit: (reply: Reply) => void;
};

/** Replies after which something is done first, and the hold is placed again: nothing has happened. */
const FIRST: ReadonlySet<string> = new Set(['holds_due', 'limits_stale', 'recall_needed']);

/** A hold that is about to be placed, with its place in a list. */
type Call = AccountCall<PlaceKey, PlaceArg> & {
  readonly command: PlaceHold;
  readonly index: number;
  /** What its key named before; null for a hold without a key. */
  readonly earlier: Promise<ChargeImage | null> | null;
};

/** Places holds, one by one or several by one call of the script. */
export function placeOperations(deps: PlaceDeps): Pick<Ledger, 'placeHold' | 'placeHolds'> {
  const { scripts, keys, written, guard, pastDueHolds } = deps;

  /** What every place begins with. Throws GatewayError ledger_unavailable while memory is short. */
  const callOf = (command: PlaceHold, index = 0): Call => {
    // Usage is always recorded (I8), so a settlement without a hold may begin.
    if (command.endsAtOnce !== true) guard.assertHold({ amount: command.desired, about: command.about });
    const { accountId, holdId, key: named = null, spending } = command;
    const key = named === null ? '' : placeKeyText(named);
    const openHoldsMax = guard.openHoldsMax(spending?.spender !== undefined && spending.spender !== accountId);
    return {
      command, index, accountId, keysOf: placeKeys(holdId, key),
      args: (bound) => placeArgs(command, key, openHoldsMax, bound),
      earlier: key === '' ? null : recallCharge(deps, accountId, key),
    };
  };

  /** @throws GatewayError ledger_unavailable: refused only because memory is short */
  const answer = (accountId: string, reply: Reply): PlaceHoldReply => {
    if (reply[0] === 'placed' && !isReplayed(reply)) written(keys.shardOf(accountId));
    const onlyNow = reply[0] === 'too_many_holds' ? guard.tooManyNow() : null;
    if (onlyNow !== null) throw onlyNow;
    return decodePlaceReply(reply);
  };

  const placeHold = async (command: PlaceHold): Promise<PlaceHoldReply> => {
    const call = callOf(command);
    const { accountId, keysOf, args } = call;
    const { holdId, isNewId = false } = command;
    if (!isNewId) await scripts.recallHold(accountId, holdId);
    if (call.earlier !== null && await isOfAnother(call)) return MISMATCH;
    const run = (): Promise<Reply> => pastDueHolds(accountId, () => scripts.run(placeHoldScript, accountId, keysOf, args));
    let reply = await run();
    // It has ended, and Postgres did not say so in time.
    if (reply[0] === 'recall_needed' && (await scripts.restoreHold(accountId, holdId))) reply = await run();
    if (reply[0] === 'recall_needed') throw notNow('the hold has ended, and what became of it cannot be read; retry shortly');
    return answer(accountId, reply);
  };

  return { placeHold, placeHolds: severalPlaced({ ...deps, callOf, answer, placeHold }) };
}

type SeveralDeps = Pick<PlaceDeps, 'scripts' | 'tellLimit'> & Pick<Ledger, 'placeHold'> & {
  readonly callOf: (command: PlaceHold, index: number) => Call;
  readonly answer: (accountId: string, reply: Reply) => PlaceHoldReply;
};

function severalPlaced({ scripts, tellLimit, callOf, answer, placeHold }: SeveralDeps): Ledger['placeHolds'] {
  const together = gathered(placeHoldScript, {
    shared: PLACE_SHARED, ownerKeys: PLACE_ACCOUNT_KEYS, own: PLACE_OWN, atOnce: PLACED_TOGETHER_MAX,
  });

  const placeAlone = (calls: readonly Call[], { done, failed }: Tell<PlaceHoldReply>): Promise<unknown> =>
    Promise.all(calls.map(({ index, command }) =>
      placeHold(command).then((reply) => { done(index, reply); }, (error: unknown) => { failed(index, error); })));

  const placeTogether = async (calls: readonly Call[], tell: Tell<PlaceHoldReply>): Promise<void> => {
    const alone: Call[] = [];
    await scripts.runEach(together, calls, {
      done: (at, reply) => {
        const call = itemAt(calls, at);
        if (FIRST.has(reply[0])) {
          alone.push(call);
          return;
        }
        tellLimit(reply);
        try {
          tell.done(call.index, answer(call.accountId, reply));
        } catch (error) {
          tell.failed(call.index, error);
        }
      },
      failed: (at, error) => { tell.failed(itemAt(calls, at).index, error); },
    });
    await placeAlone(alone, tell);
  };

  return async (commands, tell) => {
    const calls: Call[] = [];
    commands.forEach((command, index) => {
      try {
        calls.push(callOf(command, index));
      } catch (error) {
        tell.failed(index, error);
      }
    });
    const named = calls.flatMap(({ command }) => (command.isNewId === true ? [] : [command]));
    // What cannot be recalled of one hold is no matter of the others.
    if (named.length > 0 && !(await scripts.recallHolds(named).then(() => true, () => false))) {
      await placeAlone(calls, tell);
    } else if (calls.some(({ earlier }) => earlier !== null)) {
      const mismatches = await Promise.all(calls.map(isOfAnother));
      calls.forEach(({ index }, at) => { if (mismatches[at] === true) tell.done(index, MISMATCH); });
      await placeTogether(calls.filter((_, at) => mismatches[at] !== true), tell);
    } else await placeTogether(calls, tell);
  };
}

/** Places one of several that other code asks for in the same turn of the event loop: one call of the script may place them all. */
export async function placeAmongOthers(ledger: Pick<Ledger, 'placeHolds'>, command: PlaceHold): Promise<PlaceHoldReply> {
  let found: PlaceHoldReply | undefined;
  let thrown: unknown;
  await ledger.placeHolds([command], { done: (_, reply) => { found = reply; }, failed: (_, error) => { thrown = error; } });
  if (found === undefined) throw thrown;
  return found;
}

const MISMATCH = { status: 'idempotency_mismatch' } as const;

/** Whether its key named another hold before. */
async function isOfAnother({ earlier, command }: Pick<Call, 'earlier' | 'command'>): Promise<boolean> {
  const known = await earlier;
  return known !== null && known.holdId !== command.holdId;
}

/** Every argument of the script, as one literal: this is the hot path. */
function placeArgs(
  {
    accountId, holdId, kind, minimum, desired, leaseMs, expiryPolicy, price, fingerprint, about, by = 'user', terms, spending,
    ownLimits, askedTerms, holdMax = null, keyLimit = '',
  }: PlaceHold, key: string, openHoldsMax: number, { epoch, time_offset_ms, account_id, trace }: BoundArgs,
) {
  const { spender, model, feature, api_key } = spendingArgs(accountId, spending);
  return {
    epoch, time_offset_ms, account_id, trace, spender, model, feature, api_key, key,
    hold_id: holdId, minimum: textOrNone(minimum), desired: textOrNone(desired), lease_ms: leaseMs,
    policy: expiryPolicy, price, hold_kind: kind, fingerprint, about, principal: by,
    open_holds_max: openHoldsMax, due_holds_max: DUE_HOLDS_AT_ONCE, over_capture: terms?.overCapture ?? '',
    debt_limit: textOrNone(terms?.debtLimit ?? null), hold_max: textOrNone(holdMax), key_limit: keyLimit,
    asked_over_capture: askedTerms?.overCapture ?? '', asked_debt_limit: textOrNone(askedTerms?.debtLimit ?? null),
    input_cost: microsToText(terms?.inputCost ?? ZERO), renewal_ms: terms?.leaseMs ?? 0,
    receipt_ttl_seconds: UNDRAINED_RECEIPT_TTL_SECONDS,
    own_limits: ownLimits === undefined ? '' : ownLimits.map(([limitId, amount]) => `${limitId}=${microsToText(amount)}`).join(','),
  };
}
