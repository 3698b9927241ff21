import type { Gauges } from '../../kit/metrics/metrics.js';
import type { Db } from './connect.js';

/** The part of a pool's interface that is used here. knex leaves it untyped. */
type Pool = { readonly max: number; numUsed(): number; numFree(): number; numPendingAcquires(): number };

/** Reports the use of these pools on each scrape. A closed pool is not reported. */
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
