import type { Db } from '../../src/stores/postgres/connect.js';

/** The kinds of lines in a filled statement, with their number per 1 000 lines; the numbers add up to 1 000. */
export const FILLED_KINDS = [
  ['USAGE', 'AI_CHAT', 900], ['USAGE', 'MODEL_USAGE', 60], ['USAGE', 'VOICE_SYNTHESIS', 30], ['PURCHASE', 'MANUAL_ADJUSTMENT', 5],
  ['REFILL', 'SUBSCRIPTION_REFILL', 3], ['BONUS', 'REFERRAL_BONUS', 2],
] as const;

export type Filling = { readonly accountId: string; readonly lines: number; readonly fromMs: number; readonly stepMs: number };

/**
 * Writes a statement as the drain would, without its entries: line n is at `fromMs + floor(n × stepMs)`, so a step
 * below one puts several lines into a millisecond.
 */
export async function fillStatement(db: Db, { accountId, lines, fromMs, stepMs }: Filling): Promise<void> {
  const bounds = FILLED_KINDS.map((_, index) => FILLED_KINDS.slice(0, index + 1).reduce((sum, [, , share]) => sum + share, 0));
  await db.raw(
    `insert into transactions (account_id, id, at, type, reason, amount, balance_after, description, metadata, nth, credited, debited)
     select :accountId::text, 2 * n, to_timestamp(floor(:fromMs::double precision + n * :stepMs::double precision) / 1000),
       type, reason, amount, 1000000,
            'line ' || n, '{"modelName":"gpt-4"}', row_number() over running,
            (sum(greatest(amount, 0)) over running)::bigint, (sum(greatest(-amount, 0)) over running)::bigint
       from (select n, kind.type, kind.reason, case when kind.type = 'USAGE' then -1 else 1 end * (1 + (n * 7919) % 500000) as amount
               from generate_series(1, :lines::bigint) as n
               join lateral (select * from unnest(:types::text[], :reasons::text[], :bounds::integer[]) as k (type, reason, bound)
                              where (n * 617) % 1000 < bound order by bound limit 1) as kind on true) as line
     window running as (partition by type, reason order by n)`,
    {
      accountId, lines, fromMs, stepMs, types: FILLED_KINDS.map(([type]) => type),
      reasons: FILLED_KINDS.map(([, reason]) => reason), bounds,
    },
  );
  await db.raw(
    `insert into transaction_totals (account_id, type, reason, count, credited, debited, last_at)
     select distinct on (type, reason) account_id, type, reason, nth, credited, debited, at
       from transactions where account_id = ? order by type, reason, at desc, id desc`,
    [accountId],
  );
}
