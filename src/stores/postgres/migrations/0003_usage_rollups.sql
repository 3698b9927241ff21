-- Sums of usage, so that a statistic costs the same for a thousand records as for a million. The drainer keeps them up to
-- date in the transaction that writes the records (books/usage.table.ts), so each record is counted exactly once; what was
-- recorded before is counted here.

-- up

-- Per account. Days answer statistics, hours the two days that a period may cut; months, of all services together
-- (''), are for whom the credits went to. Buckets begin at starts_at, in UTC. The operation is kept for models only:
-- for anything else nobody asks, and callers put all sorts of names there.
create table usage_by_account (
  account_id text        not null,
  grain      text        not null check (grain in ('hour', 'day', 'month')),
  starts_at  timestamptz not null,
  service    text        not null,
  operation  text        not null,
  records    bigint      not null check (records > 0),
  -- numeric: with USAGE_RECORD_MODE=log anybody may record the largest amount again and again. A bigint would overflow,
  -- and what cannot be added up would stop a shard.
  credits    numeric     not null check (credits >= 0),
  primary key (account_id, grain, starts_at, service, operation)
) with (fillfactor = 80);

create index usage_by_account_grain_idx on usage_by_account (grain, starts_at);

-- Of everybody. One row per shard, summed when read: only the drainer that has a shard's lock writes its rows, so no
-- two drainers ever wait for each other here.
create table usage_by_shard (
  shard     integer     not null,
  grain     text        not null check (grain in ('hour', 'day')),
  starts_at timestamptz not null,
  service   text        not null,
  operation text        not null,
  records   bigint      not null check (records > 0),
  credits   numeric     not null check (credits >= 0),
  primary key (grain, starts_at, shard, service, operation)
) with (fillfactor = 80);

-- Nothing may be recorded between the count and the first drainer that keeps it up.
lock table usage_records in share row exclusive mode;

-- begin backfill
-- Counts every existing record into empty roll-ups.
insert into usage_by_account (account_id, grain, starts_at, service, operation, records, credits)
select account_id, bucket.grain, bucket.starts_at,
       case when bucket.grain = 'month' then '' else left(service, 200) end,
       case when bucket.grain <> 'month' and service in ('chat', 'chat-streaming') then left(operation, 200) else '' end,
       count(*), sum(credits)
  from usage_records
 cross join lateral (values ('hour', date_trunc('hour', at, 'UTC')), ('day', date_trunc('day', at, 'UTC')),
                            ('month', date_trunc('month', at, 'UTC'))) as bucket (grain, starts_at)
 group by 1, 2, 3, 4, 5;

insert into usage_by_shard (shard, grain, starts_at, service, operation, records, credits)
select a.shard, r.grain, r.starts_at, r.service, r.operation, sum(r.records), sum(r.credits)
  from usage_by_account r join accounts a using (account_id)
 where r.grain <> 'month'
 group by 1, 2, 3, 4, 5;
-- end backfill

-- What supervisors look at: streams (their `about` begins with a model, credits/holds/stream-hold.ts) that are open, or ended lately.
create index holds_streams_open_idx on holds (placed_at) where state = 'open' and about like '{"modelId":%';
create index holds_streams_ended_idx on holds (ended_at) where state <> 'open' and about like '{"modelId":%';

-- down

-- Nothing is lost: the roll-ups are counted from usage_records, and the up counts them again.
drop index holds_streams_open_idx, holds_streams_ended_idx;
drop table usage_by_account, usage_by_shard;
