import type { Lease } from '../../credits/holds/native/lease.js';
import type { PlaceLease } from '../../credits/holds/native/place-lease.js';
import { actingAccount, type NativeCaller } from '../../kit/principal.js';
import { itemAt, type Tell } from '../../kit/tell.js';
import type { GatewayContext } from '../http/context.js';
import { assertPasses, nameNativeAccount } from '../http/gatekeeper.js';
import { contextOf, failureOf, operationIn, type Operation, type OperationAnswer, type RunDeps } from './operations.js';

/** How holds are placed: what one asks for, how several are placed, and what is answered. */
export type Placements = {
  /** Throws GatewayError for what is refused before anything is placed. */
  readonly commandOf: (ctx: GatewayContext, principal: NativeCaller, body: unknown) => PlaceLease;
  readonly placeMany: (commands: readonly PlaceLease[], tell: Tell<Lease>) => Promise<void>;
  /** The body of the answer, as JSON. */
  readonly textOf: (lease: Lease) => string;
};

/** `batchKey`: the key that the batch gives it, or null. */
export type Placing = { readonly value: unknown; readonly batchKey: string | null };

/**
 * Runs neighbouring placements of a batch; each gets the answer that its own route would give, in their order. What a request takes for
 * itself, such as a context, a deadline and its way through each layer, is there once for all of them. Never throws: a failure is the
 * answer of its operation.
 */
export async function runPlacements(
  deps: RunDeps, { method, path, gate }: Operation, { commandOf, placeMany, textOf }: Placements,
  outer: GatewayContext, principal: NativeCaller, operations: readonly Placing[],
): Promise<OperationAnswer[]> {
  const answers: OperationAnswer[] = [];
  const commands: PlaceLease[] = [];
  const indexes: number[] = [];
  const { ctx, answer } = contextOf(outer, principal);
  const { route } = outer.state;
  if (route !== undefined) ctx.state.route = { ...route, method, path };
  const accountId = actingAccount(principal);
  operations.forEach(({ value, batchKey }, index) => {
    try {
      if (accountId === undefined) delete ctx.state.accountId;
      else ctx.state.accountId = accountId;
      const { body } = operationIn(value);
      assertPasses(gate, principal);
      nameNativeAccount(ctx, principal, body);
      answer.take(undefined, batchKey ?? undefined);
      commands.push(commandOf(ctx, principal, body));
      indexes.push(index);
    } catch (error) {
      answers[index] = failureOf(deps, ctx, error);
    }
  });
  // Of what is told after the deadline, the answer is that it was late.
  const done = (at: number, lease: Lease): void => {
    answers[itemAt(indexes, at)] ??= { status: 201, replayed: lease.replayed, body: textOf(lease) };
  };
  const failed = (at: number, error: unknown): void => {
    ctx.state.accountId = itemAt(commands, at).accountId;
    answers[itemAt(indexes, at)] ??= failureOf(deps, ctx, error);
  };
  try {
    await deps.inTime(method, () => placeMany(commands, { done, failed }));
  } catch (error) {
    commands.forEach((_, at) => { failed(at, error); });
  }
  return answers;
}
