import pg from 'pg';
import { openApi } from '../../src/compose/api.js';
import { openCore } from '../../src/compose/core.js';
import { readConfig } from '../../src/config.js';
import { systemClock } from '../../src/kit/clock.js';
import { createLog } from '../../src/kit/log.js';
import { createMetrics } from '../../src/kit/metrics/metrics.js';
import { micros, ZERO } from '../../src/kit/money/micros.js';
import { openedParts } from '../../src/kit/opened.js';
import type { Ledger, PlaceHoldReply, SettleHoldReply } from '../../src/ledger/ledger.js';
import { redisAt } from '../../src/stores/redis/location.js';
import { connectQueue } from '../../src/stores/redis/queue-connections.js';
import { ledgerQueue } from '../../src/worker/jobs/ledger-queue.js';

/**
 * What a team would otherwise build: the gateway's own HTTP side (authentication, validation, metrics, admission) over a ledger that is
 * Postgres alone, where a hold and a settle are one PL/pgSQL call each. Configured like a gateway; its argument is the
 * `synchronous_commit` of its connections. Sends its port to the parent process.
 */
const CONNECTIONS = 16;
const config = readConfig();
const { databaseUrl = '', redis = redisAt('') } = config;
const pool = new pg.Pool({
  connectionString: process.env['BASELINE_DATABASE_URL'], max: CONNECTIONS, idleTimeoutMillis: 0,
  options: `-c synchronous_commit=${process.argv[2] ?? 'on'}`,
});

type PlacedRow = {
  readonly status: string; readonly replayed: boolean; readonly out_seq: string; readonly out_amount: string; readonly expires_ms: number;
  readonly placed_ms: number; readonly out_available: string;
};
type SettledRow = Omit<PlacedRow, 'expires_ms'> & { readonly charged: string; readonly ended_ms: number };

const amount = (text: string) => micros(Number(text));

const placeHold: Ledger['placeHold'] = async ({
  accountId, holdId, desired, leaseMs, fingerprint, about,
}): Promise<PlaceHoldReply> => {
  const { rows: [row] } = await pool.query<PlacedRow>({
    name: 'place', text: 'select * from baseline.place_hold($1, $2, $3, $4, $5, $6)',
    values: [accountId, holdId, desired, leaseMs, fingerprint, about],
  });
  if (row?.status === 'insufficient_credits') {
    return { status: row.status, available: amount(row.out_available), required: desired ?? ZERO };
  }
  if (row?.status !== 'placed') throw new Error(`the baseline refused a hold: ${row?.status ?? 'no row'}`);
  return {
    status: row.status, replayed: row.replayed, seq: Number(row.out_seq), amount: amount(row.out_amount), expiresAtMs: row.expires_ms,
    placedAtMs: row.placed_ms, available: amount(row.out_available), limits: [], most: null,
  };
};

const settleHold: Ledger['settleHold'] = async ({ accountId, holdId, cost, fingerprint, about }): Promise<SettleHoldReply> => {
  const { rows: [row] } = await pool.query<SettledRow>({
    name: 'settle', text: 'select * from baseline.settle_hold($1, $2, $3, $4, $5)', values: [accountId, holdId, cost, fingerprint, about],
  });
  if (row?.status !== 'settled') throw new Error(`the baseline refused a settle: ${row?.status ?? 'no row'}`);
  const { replayed, out_amount: held, charged } = row;
  return {
    status: row.status, replayed,
    outcome: {
      state: 'settled', seq: Number(row.out_seq), amount: amount(held), captured: amount(charged),
      released: micros(Number(held) - Number(charged)), expired: ZERO, overage: ZERO, debt: ZERO, uncollected: ZERO,
      available: amount(row.out_available), endedAtMs: row.ended_ms, placedAtMs: row.placed_ms, late: false, about,
    },
  };
};

const log = createLog({ level: 'error' });
const metrics = createMetrics({ version: 'baseline' });
const time = { clock: systemClock, offsetMs: () => 0 };
const connections = connectQueue(redis, config.redisNamespace, console.error);
const core = await openCore({
  config, servers: { redis, databaseUrl }, time, log, metrics, bulkRedis: connections.bulk, written: () => undefined,
});
const api = await openApi({
  config, core: { ...core, ledger: { ...core.ledger, placeHold, settleHold } }, databaseUrl,
  queues: {
    queue: ledgerQueue(connections.producer, config.redisNamespace, console.error), connections, namespace: config.redisNamespace,
    rabbitmqUrl: undefined,
  },
  clock: time.clock, version: 'baseline', log, metrics, metricsText: metrics.text, tracer: undefined, workerCheck: undefined,
}, openedParts());
process.send?.(api.port);
process.on('disconnect', () => { process.exit(0); });
