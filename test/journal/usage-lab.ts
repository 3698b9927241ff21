import type { DrainLab } from './drain-lab.js';

/** Differences between the roll-ups and a recount of the records; there must never be any. */
export const miscounts = (lab: DrainLab): Promise<object[]> => lab.rows<object>(`
  with used as (
    select account_id, shard, at, service, operation, credits, corrects from usage_records join accounts using (account_id)
      where not refused),
  counted as (
    select account_id, 'month' as grain, date_trunc('month', at, 'UTC') as starts_at, '' as service, '' as operation,
      count(*) filter (where corrects is null) as records, sum(credits) as credits
      from used group by 1, 2, 3
    union all
    select account_id, grain, date_trunc(grain, at, 'UTC'), left(service, 200), case when service in ('chat',
      'chat-streaming') then left(operation, 200) else '' end, count(*) filter (where corrects is null), sum(credits)
      from used cross join (values ('day'), ('hour')) as g (grain) group by 1, 2, 3, 4, 5),
  counted_by_shard as (
    select shard, grain, date_trunc(grain, at, 'UTC') as starts_at, left(service, 200) as service,
           case when service in ('chat', 'chat-streaming') then left(operation, 200) else '' end as operation,
             count(*) filter (where corrects is null) as records, sum(credits) as credits
      from used cross join (values ('day'), ('hour')) as g (grain) group by 1, 2, 3, 4, 5),
  differences as (
    select 'missing' as what, to_jsonb(c) as row from (select * from counted except select * from usage_by_account) as c
    union all select 'too much', to_jsonb(c) from (select * from usage_by_account except select * from counted) as c
    union all select 'missing', to_jsonb(c) from (select * from counted_by_shard except select * from usage_by_shard) as c
    union all select 'too much', to_jsonb(c) from (select * from usage_by_shard except select * from counted_by_shard) as c)
  select * from differences limit 5`);

export const aboutUsage = (service: string, operation: string, more: {
  readonly credits?: number;
  readonly metadata?: object;
} = {}): string =>
  JSON.stringify({ usage: { service, operation, metadata: {}, ...more } });
