/**
 * SQL: compares the hours of models, all models of a shard together, with a recount of the entries that name a model.
 * Returns `what` and `ok` for every hour. How much each model got is not checked here: Postgres has no price books, and
 * the drainer splits a settlement of several models (journal/model-uses.ts).
 */
export const modelHoursAgainstEntries = `
  with said as (
    select a.shard, date_trunc('hour', e.at, 'UTC') as hour, case when e.kind = 'correct'
      and c.kind <> 'void' then 'correct_again' else e.kind end as kind,
           e.held, coalesce((nullif(d.about, '')::json->'deduction'->>'credits')::bigint, greatest(e.captured, 0)) as captured, e.price,
             u.usage, u.usage->'metadata' as stated
      from entries e join accounts a on a.account_id = e.account_id
      left join entries c on c.account_id = e.account_id and c.seq = e.corrects and e.kind = 'correct'
      left join entry_details d on d.account_id = e.account_id and d.seq = e.seq and d.at = e.at
      left join lateral (select nullif(d.about, '')::json->'usage' as usage) u on true
     where e.kind in ('settle', 'late_settle', 'charge', 'attribute', 'void', 'expire_hold', 'correct', 'give_back')),
  naming as (
    select shard, hour, kind, held, captured,
           case when price <> '' then 1
                when usage is null or json_typeof(usage) <> 'object' then 0
                when json_typeof(stated->'models') = 'array' then json_array_length(stated->'models')
                when json_typeof(stated->'models') = 'number' then 1
                when exists (select from (values ('modelId'), ('modelName'), ('model')) as name (field)
                              where json_typeof(stated->field) = 'string' and stated->>field <> '') then 1
                when usage->>'service' in ('chat', 'chat-streaming', 'chat-streaming-aborted') and usage->>'operation' <> '' then 1
                else 0 end as models
      from said),
  counted as (
    select shard, hour, coalesce(sum(models) filter (where kind not in ('void', 'expire_hold', 'correct_again')), 0) as messages,
           sum(greatest(-held, 0)) as held, sum(captured) as captured
      from naming where models > 0 group by shard, hour),
  kept as (
    select shard, hour, sum(messages) as messages, sum(held) as held, sum(captured) as captured from model_hours group by shard, hour)
  select 'shard ' || shard || ', ' || hour as what,
         (k.messages, k.held, k.captured) is not distinct from (c.messages, c.held, c.captured) as ok
    from kept k full join counted c using (shard, hour)`;
