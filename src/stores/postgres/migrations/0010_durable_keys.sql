-- Keys that outlive their receipts, and usage that was refused. Additive; a gateway of the version before runs on it. Building
-- the indexes blocks the drainer, not the charges: their entries wait in Redis meanwhile.

-- up

-- What a keyed charge is looked up by when Redis has forgotten its receipt. Without it every look-up would read all keyed
-- entries of the account. Not unique: a key that was charged a second time while Postgres was away must not stop the
-- journal; the first entry is the answer.
create index entries_name_idx on entries (account_id, key, seq) where key <> '';

-- Usage that was refused is uncollected until its repeat is charged: that entry takes it back.
alter table entries drop constraint entries_uncollected_check;
alter table entries add constraint entries_uncollected_check check (uncollected >= 0 or kind in ('charge', 'attribute')) not valid;

alter table usage_records
  -- The part of the use that could not be charged, in micros.
  add column uncollected   bigint  not null default 0,
  -- Refused for lack of credits: not in the roll-ups, which count what was paid for.
  add column refused       boolean not null default false,
  -- The entry that charged it after all.
  add column collected_seq bigint;

-- Statistics of uncollected usage. Few records are in it.
create index usage_records_uncollected_idx on usage_records (account_id, at) where uncollected > 0 and collected_seq is null;

-- no down: without the column that tells them apart, refused records would count as paid; and entries that collect refused
-- usage have a negative amount there, which the constraint of before forbids.
