import Type from 'typebox';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { inLanes } from '../../kit/in-lanes.js';
import { BATCH_OPERATIONS_AT_ONCE_MAX, BATCH_OPERATIONS_MAX, BATCHES_AT_ONCE_MAX, LONG_BODY_BYTES_MAX } from '../../kit/limits.js';
import { itemAt } from '../../kit/tell.js';
import { turns } from '../../kit/turns.js';
import { anyCaller } from '../auth/allow.js';
import { untilOneIsLate } from '../http/answer-in-time.js';
import { replyText } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import type { HoldRouteDeps } from './holds.routes.js';
import { IdempotencyKeyHeader, keyOf } from './idempotency.js';
import { laneOf, namedHold, OPERATIONS, placedTogether, runOperation, type OperationAnswer, type RunDeps } from './operations.js';
import { runPlacements, type Placements } from './placements.js';

/** Operations of a batch that run at once: few rounds of lookups and scripts, and turns for other requests between them. */
const AT_ONCE_MAX = 128;

const EXAMPLE = {
  operations: [
    { op: 'holds.place', body: { account: 'alice', id: 'msg-1', amount: '2.5' } },
    { op: 'holds.settle', id: 'msg-1', body: { account: 'alice', amount: '1.75', reason: 'completed' } },
    { op: 'charges.create', idempotencyKey: 'order-17', body: { account: 'bob', amount: '0.5', feature: 'image' } },
  ],
};

/** Each operation is checked when it is its turn, so that a broken one never stops the others. */
const body = nativeBody(Strict({
  operations: Type.Array(Type.Unknown({
    description: `an object: \`op\`, one of ${[...OPERATIONS.keys()].map((op) => `\`${op}\``).join(', ')}; `
      + '`body` and `idempotencyKey` as of its own route; `id` of the hold, for those that change one',
  }), { minItems: 1, maxItems: BATCH_OPERATIONS_MAX }),
}, { examples: [EXAMPLE] }));

const Results = Type.Object({
  results: Type.Array(Type.Object({
    status: Type.Integer({ description: 'the HTTP status, as of its own route' }),
    replayed: Type.Optional(Type.Literal(true, { description: 'the answer to an earlier, identical operation' })),
    body: Type.Record(Type.String(), Type.Unknown(), { description: 'as of its own route; of a failure, the problem' }),
  }), { description: 'one for each operation, in their order' }),
});

export type BatchDeps = RunDeps & {
  /** Absent where there are no holds, as the next. */
  readonly foresee: HoldRouteDeps['foresee'] | undefined;
  readonly placements: Placements | undefined;
};

/** Many operations in one request, each with its own outcome. */
export function batchRoutes(add: AddRoute, deps: BatchDeps): void {
  const shared = turns(BATCH_OPERATIONS_AT_ONCE_MAX);
  let running = 0;
  const { placements } = deps;
  const placing = deps.operations.get(OPERATIONS.get('holds.place') ?? '');
  add('POST', '/v1/batch', anyCaller(), {
    summary: `Up to ${BATCH_OPERATIONS_MAX} operations at once; each succeeds or fails alone`, body, headers: IdempotencyKeyHeader,
    bodyBytesMax: LONG_BODY_BYTES_MAX,
    urgency: 'begin', takesLong: true, replies: { 200: Results }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal, body: { operations } }) => {
    ctx.state.countMore?.(operations.length - 1);
    const key = keyOf(ctx, principal);
    const batch = key === null ? null : fingerprint(key.key);
    const answers: OperationAnswer[] = [];
    const each = { ...deps, inTime: untilOneIsLate(deps.inTime) };
    const joins = (operation: unknown, index: number) => placedTogether(operation, batch === null ? null : String(index));
    if (running >= BATCHES_AT_ONCE_MAX) {
      throw new GatewayError('ledger_unavailable', 'too many batches are in progress; retry shortly', { outcome: 'not_executed' });
    }
    running += 1;
    const forget = deps.foresee?.(operations.flatMap((operation, index) =>
      namedHold(principal, operation, batch === null ? null : nameIn(batch, index)) ?? []));
    try {
      await inLanes(operations, { laneOf, joins, atOnce: AT_ONCE_MAX, turns: shared }, async (indexes, group) => {
        const step = indexes.map((index) => ({ value: operations[index], batchKey: batch === null ? null : nameIn(batch, index) }));
        const found = await (group !== null && placing !== undefined && placements !== undefined
          ? runPlacements(each, placing, placements, ctx, principal, step)
          : Promise.all(step.map(({ value, batchKey }) => runOperation(each, ctx, principal, value, batchKey))));
        indexes.forEach((index, at) => { answers[index] = itemAt(found, at); });
      });
    } finally {
      running -= 1;
      forget?.();
    }
    replyText(ctx, 200, `{"results":[${answers.map(present).join(',')}]}`);
  });
}

/** The key of one operation of a batch with a key. */
const nameIn = (batch: string, index: number): string => `batch.${batch}.${index}`;

/** The bodies are JSON already. */
const present = ({ status, replayed, body: answer }: OperationAnswer): string =>
  `{"status":${status},${replayed ? '"replayed":true,' : ''}"body":${answer}}`;
