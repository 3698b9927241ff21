-- Holds know what they are for and what their place was answered, which were told by the first characters of a text and by
-- columns that change. The backfill updates every hold that has a kind: the drainer waits for it, charges do not. Additive: a
-- gateway of the version before runs on it, and a trigger completes the rows that it inserts.

-- up

-- A word of the use case that placed it; '' when none said one.
alter table holds add column kind text not null default '';
-- What its place was answered, whatever amount and expires_at have become. Null: they have not changed since.
alter table holds add column placed_amount bigint;
alter table holds add column placed_expires_at timestamptz;

create function complete_hold() returns trigger language plpgsql as $$
begin
  -- As src/ledger/legacy-facts.ts reads it.
  new.kind := case when new.about like '{"modelId":%' then 'stream' when new.about like '{"process":%' then 'process' else '' end;
  return new;
end $$;
create trigger holds_complete before insert on holds for each row when (new.kind = '') execute function complete_hold();

-- begin backfill
update holds set kind = case when about like '{"modelId":%' then 'stream' else 'process' end
 where about like '{"modelId":%' or about like '{"process":%';
-- end backfill

-- What supervisors look at: streams that are open, or ended lately. The version before reads by those of 0003, which go with a
-- later release.
create index holds_open_streams_idx on holds (placed_at) where state = 'open' and kind = 'stream';
create index holds_ended_streams_idx on holds (ended_at) where state <> 'open' and kind = 'stream';

-- down

-- The text still begins with what tells the kind, and no release changes the amount or the lease of a hold that is placed.
drop index holds_open_streams_idx, holds_ended_streams_idx;
drop trigger holds_complete on holds;
drop function complete_hold();
alter table holds drop column kind, drop column placed_amount, drop column placed_expires_at;
