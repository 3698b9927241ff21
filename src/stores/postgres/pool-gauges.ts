import type { Gauges } from '../../kit/metrics/metrics.js';
import type { Db } from './connect.js';

/** What a pool says about itself. knex leaves it untyped. */
type Pool = { readonly max: number; numUsed(): number; numFree(): number; numPendingAcquires(): number };

/** Reads, at every scrape, how busy these pools are. A pool that is closed says nothing. */
export function watchPools(metrics: Gauges, pools: Readonly<Record<'api' | 'drain', Db>>): void {
  const open = Object.entries(pools).flatMap(([name, { client }]) => {
    const { pool } = client as { readonly pool: Pool | undefined };
    return pool === undefined ? [] : [{ name: name as keyof typeof pools, pool }];
  });
  metrics.onScrape('poolConnections', (set) => {
    for (const { name, pool } of open) {
      set({ pool: name, state: 'used' }, pool.numUsed());
      set({ pool: name, state: 'free' }, pool.numFree());
      set({ pool: name, state: 'pending' }, pool.numPendingAcquires());
    }
  });
  metrics.onScrape('poolMax', (set) => { for (const { name, pool } of open) set({ pool: name }, pool.max); });
}
