import { callerOf } from '../../kit/caller.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { isAccountId, isKnownHoldId, isVisibleAscii, newId } from '../../kit/ids.js';
import { HOLD_ID_LENGTH_MAX } from '../../kit/limits.js';
import { actingAccount, type NativeCaller } from '../../kit/principal.js';
import type { HoldName } from '../../ledger/account-image.js';
import type { CallersGate, Gate } from '../auth/allow.js';
import type { InTime } from '../http/answer-in-time.js';
import type { GatewayContext } from '../http/context.js';
import type { Fail } from '../http/error-boundary.js';
import { problemEnvelope } from '../http/problem.js';
import { assertPasses, nameNativeAccount } from '../http/gatekeeper.js';
import type { AddRoute, Method } from '../http/routes.js';
import { mayActOn } from './callers.js';
import { holdIdOf } from './idempotency.js';

/** The operations of a batch. Each is a route of its own: its gate, its body, its work and its answer are used as they are. */
export const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['holds.place', 'POST /v1/holds'],
  ['holds.extend', 'POST /v1/holds/:holdId/extend'],
  ['holds.progress', 'POST /v1/holds/:holdId/progress'],
  ['holds.settle', 'POST /v1/holds/:holdId/settle'],
  ['holds.void', 'POST /v1/holds/:holdId/void'],
  ['charges.create', 'POST /v1/charges'],
  ['quotes.create', 'POST /v1/quotes'],
  ['grants.create', 'POST /v1/grants'],
  ['refunds.create', 'POST /v1/refunds'],
  ['transfers.create', 'POST /v1/transfers'],
]);

type Handler = (ctx: GatewayContext, call: { readonly principal: NativeCaller; readonly body: unknown }) => void | Promise<void>;

/** A route as a batch runs it. */
export type Operation = {
  readonly method: Method;
  readonly path: string;
  readonly gate: CallersGate;
  readonly parse: (body: unknown) => unknown;
  readonly handler: Handler;
};

/** Adds routes, and collects by `METHOD /path` those that callers of `/v1` may use. */
export const collecting = (add: AddRoute, operations: Map<string, Operation>): AddRoute => (method, path, gate, spec, handler) => {
  add(method, path, gate, spec, handler);
  if (!isCallers(gate)) return;
  const parse = (body: unknown): unknown => spec.body?.parse(body);
  // The gate is one of callers, so the handler takes a native caller.
  operations.set(`${method} ${path}`, { method, path, gate, parse, handler: handler as unknown as Handler });
};

const isCallers = (gate: Gate): gate is CallersGate => gate.kind === 'callers';

/** What a caller asks for, as it came. */
export type AskedOperation = {
  readonly op: string; readonly id: string | undefined; readonly idempotencyKey: string | undefined; readonly body: unknown;
};

const MEMBERS: ReadonlySet<string> = new Set(['op', 'id', 'idempotencyKey', 'body']);

/** @throws GatewayError invalid_request */
export function operationIn(value: unknown): AskedOperation {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('operation', 'must be an object');
  const { op, id, idempotencyKey, body = {} } = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(value).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) {
    throw invalid(/^\w{1,50}$/.test(unknown) ? `operation.${unknown}` : 'operation', 'is not a member of an operation');
  }
  const path = typeof op === 'string' ? OPERATIONS.get(op) : undefined;
  if (path === undefined) throw invalid('operation.op', `must be one of ${[...OPERATIONS.keys()].join(', ')}`);
  const needsId = path.includes(':holdId');
  if (needsId && (typeof id !== 'string' || !isKnownHoldId(id))) {
    throw invalid('operation.id', `must be the id of a hold: 1 to ${HOLD_ID_LENGTH_MAX} visible ASCII characters`);
  }
  if (!needsId && id !== undefined) throw invalid('operation.id', 'belongs to operations on a hold that is there');
  if (idempotencyKey !== undefined && typeof idempotencyKey !== 'string') throw invalid('operation.idempotencyKey', 'must be a string');
  return { op: op as string, id: id as string | undefined, idempotencyKey, body };
}

/** The account that an operation names: what must stay in order. */
export function laneOf(value: unknown): string {
  const { body } = (value ?? {}) as { readonly body?: unknown };
  const { account, from } = (body ?? {}) as { readonly account?: unknown; readonly from?: unknown };
  const named = account ?? from;
  return typeof named === 'string' ? named : '';
}

/**
 * Which neighbours of one account may start together: placements of different holds. Their scripts go to Redis in the order
 * in which they start if they take the same way there, so those that first look for an earlier hold of their id are one
 * group, and those with a new id another. `batchName` is the name that the key of the batch gives an operation without an id.
 * All others, and operations with a key of their own, change what their neighbours see or are named: null.
 */
export function placedTogether(value: unknown, batchName: string | null): { readonly group: string; readonly name: string } | null {
  const { op, idempotencyKey, body } = (value ?? {}) as Readonly<Record<'op' | 'idempotencyKey' | 'body', unknown>>;
  if (op !== 'holds.place' || idempotencyKey !== undefined) return null;
  const { id } = (body ?? {}) as { readonly id?: unknown };
  if (typeof id === 'string') return { group: 'named', name: `id ${id}` };
  if (id !== undefined) return null;
  return batchName === null ? { group: 'new', name: newId() } : { group: 'named', name: `key ${batchName}` };
}

/**
 * The hold that a placement names, by its own id or by the key that the batch gives it; null for all other operations, and
 * where the name is none that the caller may use.
 */
export function namedHold(caller: NativeCaller, value: unknown, batchKey: string | null): HoldName | null {
  const { op, idempotencyKey, body } = (value ?? {}) as Readonly<Record<'op' | 'idempotencyKey' | 'body', unknown>>;
  if (op !== 'holds.place' || idempotencyKey !== undefined) return null;
  const { account = actingAccount(caller), id } = (body ?? {}) as { readonly account?: unknown; readonly id?: unknown };
  if (typeof account !== 'string' || !isAccountId(account) || !mayActOn(caller, account)) return null;
  if (typeof id === 'string') return id.length <= HOLD_ID_LENGTH_MAX && isVisibleAscii(id) ? { accountId: account, holdId: id } : null;
  if (id !== undefined || batchKey === null) return null;
  return { accountId: account, holdId: holdIdOf({ caller: callerOf(caller), key: batchKey }) };
}

/** The answer of one operation. `body` is JSON text. */
export type OperationAnswer = { readonly status: number; readonly replayed: boolean; readonly body: string };

export type RunDeps = {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly fail: Fail;
  readonly inTime: InTime;
  /** Records a refusal, like that of a request. */
  readonly refused: (ctx: GatewayContext) => void;
};

/** Runs one operation of a batch as its own route would. Never throws: a failure is its answer. */
export async function runOperation(
  deps: RunDeps, outer: GatewayContext, principal: NativeCaller, value: unknown, batchKey: string | null,
): Promise<OperationAnswer> {
  const { operations, inTime } = deps;
  const { ctx, answer } = contextOf(outer, principal);
  try {
    const asked = operationIn(value);
    const operation = operations.get(OPERATIONS.get(asked.op) ?? '');
    if (operation === undefined) throw new GatewayError('not_found', `this gateway has no ${asked.op}`);
    const { method, path, gate, parse, handler } = operation;
    const { route } = outer.state;
    if (route !== undefined) ctx.state.route = { ...route, method, path };
    assertPasses(gate, principal);
    nameNativeAccount(ctx, principal, asked.body);
    answer.take(asked.id, asked.idempotencyKey ?? batchKey ?? undefined);
    const body = parse(asked.body);
    await inTime(method, () => handler(ctx, { principal, body }));
    return { status: ctx.status, replayed: answer.isReplayed(), body: ctx.body as string };
  } catch (thrown) {
    return failureOf(deps, ctx, thrown);
  }
}

/** The answer of an operation that failed. Records the refusal. */
export function failureOf({ fail, refused }: Pick<RunDeps, 'fail' | 'refused'>, ctx: GatewayContext, thrown: unknown): OperationAnswer {
  const failure = fail(ctx, thrown);
  ctx.status = failure.status;
  refused(ctx);
  return { status: failure.status, replayed: false, body: JSON.stringify(problemEnvelope.write(failure)) };
}

/**
 * The context of one operation: of Koa's, what the handlers of the operations use. Headers that they set are those of
 * this operation, not of the batch.
 */
export function contextOf(outer: GatewayContext, principal: NativeCaller) {
  const headers: Record<string, string> = {};
  const params: Record<string, string> = {};
  let isReplayed = false;
  const set = (name: string, text: string): void => {
    if (name.toLowerCase() === 'idempotency-replayed') isReplayed = text === 'true';
  };
  const ctx = {
    state: { ...outer.state, accountId: actingAccount(principal) }, params, query: {}, req: { headers },
    res: { setHeader: set }, set,
    get: (name: string) => headers[name.toLowerCase()] ?? '', status: 404, body: undefined,
  } as unknown as GatewayContext;
  return {
    ctx,
    answer: {
      take: (holdId: string | undefined, key: string | undefined): void => {
        if (holdId !== undefined) params['holdId'] = holdId;
        if (key !== undefined) headers['idempotency-key'] = key;
      },
      isReplayed: (): boolean => isReplayed,
    },
  };
}
