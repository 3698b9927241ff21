-- What was used, by the minute and by what reports group it: the series of GET /v1/usage. The drainer adds to it in the
-- transaction that writes the entries; what was charged before is counted here. Additive. The drain waits for the backfill,
-- charges do not. A worker of the version before does not keep it up (workers first).

-- up

create table usage_minutes (
  account_id    text        not null,
  minute        timestamptz not null,
  -- A digest of the columns that follow: free texts may be longer than an index can have.
  line          text        not null,
  -- '' where the entry tells none. spender '': the account itself.
  model         text        not null,
  feature       text        not null,
  spender       text        not null,
  api_key       text        not null,
  reason        text        not null,
  uses          bigint      not null check (uses >= 0),
  -- numeric, as in model_hours: what cannot be added up would stop a shard.
  tokens        numeric     not null,
  input_tokens  numeric     not null,
  output_tokens numeric     not null,
  -- Below zero where something that was charged before was given back, or is told of another model.
  captured      numeric     not null,
  uncollected   numeric     not null,
  primary key (account_id, minute, line)
) with (fillfactor = 80);

create index usage_minutes_minute_idx on usage_minutes (minute);

-- Nothing may be written between the count and the first drainer that keeps it up.
lock table entries in share row exclusive mode;

-- begin backfill
-- Amounts as they are; of what was told beside them only the model and the service, because texts of entries are never read
-- as JSON by the database.
insert into usage_minutes (account_id, minute, line, model, feature, spender, api_key, reason,
                           uses, tokens, input_tokens, output_tokens, captured, uncollected)
select account_id, minute, 'before:' || md5(format('%L %L', model, feature)), model, feature, '', '', '',
       count(*) filter (where kind <> 'expire_hold' and corrects = 0), 0, 0, 0, sum(captured), 0
  from (select e.account_id, date_trunc('minute', e.at, 'UTC') as minute, e.kind, e.corrects, e.captured,
               left(coalesce(substring(e.price from '^[^/]+/[0-9]+/(.*)$'),
                             case when u.service in ('chat', 'chat-streaming') then u.operation end, ''), 200) as model,
               left(coalesce(u.service, ''), 200) as feature
          from entries e left join usage_records u on u.account_id = e.account_id and u.seq = e.seq
         where e.kind in ('charge', 'settle', 'late_settle', 'correct', 'give_back', 'expire_hold') and e.captured <> 0) as used
 group by account_id, minute, model, feature;
-- end backfill

-- down

-- Nothing of the ledger is lost; what the entries told of spenders, features, keys and tokens is counted from the next up on only.
drop table usage_minutes;
