import { randomUUID } from 'node:crypto';
import type { CompareDeps } from '../../../src/journal/reconcile/compare-account.js';
import type { ReconcileDeps } from '../../../src/journal/reconcile/reconcile.js';
import { createMetrics, type Metrics } from '../../../src/kit/metrics/metrics.js';
import { micros } from '../../../src/kit/money/micros.js';
import { connectPostgres, drainProfile } from '../../../src/stores/postgres/connect.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';
import { throwawayRedis } from '../../support/servers.js';

export type ReconcileLab = {
  readonly under: DurableLedger;
  readonly deps: CompareDeps & ReconcileDeps & { readonly metrics: Metrics };
  readonly logged: { readonly level: 'info' | 'error'; readonly facts: object }[];
  metric(name: string): Promise<string[]>;
  /** An account with two lots, one open hold and a charge: 10 + 20 granted, 4 held, 3 charged. */
  account(): Promise<string>;
  grant(accountId: string, lotId: string, amount: number, expiresAtMs?: number | null): Promise<void>;
  charge(accountId: string, amount: number): Promise<void>;
  /** Makes a change that only the drain may make, as an administrator with psql could. */
  tamper(sql: string, bindings?: readonly (string | number)[]): Promise<void>;
  close(): Promise<void>;
};

export async function reconcileLab(): Promise<ReconcileLab> {
  // A scan of Redis takes as many steps as the server has keys, and the shared one has those of all other tests.
  const server = await throwawayRedis();
  const under = await durableLedger({ onRedis: server.url });
  const { ledger, sharded: redis, keys, db, fence, runDrain } = under;
  const admin = connectPostgres(under.adminUrl, drainProfile(5_000));
  const logged: ReconcileLab['logged'] = [];
  const metrics = createMetrics({ version: 'test', defaults: false });
  const log = {
    info: (facts: object) => { logged.push({ level: 'info', facts }); },
    error: (facts: object) => { logged.push({ level: 'error', facts }); },
  };
  const grant = async (accountId: string, lotId: string, amount: number, expiresAtMs: number | null = null): Promise<void> => {
    await ledger.grantLot({ accountId, lotId, amount: micros(amount), expiresAtMs, key: `grant-${lotId}`, kind: 'grant', about: '{}' });
  };
  const charge = async (accountId: string, amount: number): Promise<void> => {
    await ledger.charge({ accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}' });
  };
  return {
    under, logged, grant, charge,
    deps: { db, redis, keys, fence, drain: runDrain, clock: Date.now, metrics, log },
    metric: async (name) => (await metrics.text()).split('\n').filter((line) => line.startsWith(name)),
    account: async () => {
      const accountId = `r-${randomUUID()}`;
      await grant(accountId, 'l1', 10, (await under.nowMs()) + 3_600_000);
      await grant(accountId, 'l2', 20);
      await ledger.placeHold({
        accountId, holdId: 'h1', minimum: micros(4), desired: micros(4), leaseMs: 600_000, kind: 'test',
        expiryPolicy: 'release', price: 'p', fingerprint: 'f', about: '{}',
      });
      await charge(accountId, 3);
      return accountId;
    },
    tamper: async (sql, bindings = []) => {
      await admin.transaction(async (trx) => {
        await trx.raw(`set local session_replication_role = 'replica'`);
        await trx.raw(sql, [...bindings]);
      });
    },
    close: async () => {
      await admin.destroy();
      await under.close();
      await server.discard();
    },
  };
}
