-- Holds know who placed them, entries who wrote them and what they correct, and usage that corrects an earlier report is
-- no use of its own. Additive; constraints are not validated, so no large table is read under a lock. A gateway of the
-- version before runs on it unchanged.

-- up

-- user, service or operator: who placed or ended the hold. '' for every other entry.
alter table entries add column principal text not null default '';
-- The entry of the same account whose end of the hold this one corrects; 0 for none.
alter table entries add column corrects bigint not null default 0;

alter table holds add column placed_by text not null default 'user';
alter table holds add constraint holds_placed_by_check check (placed_by in ('user', 'service', 'operator')) not valid;
-- When it ended or was settled late; ended_at moves on with each correction. Null: it is open, or ended before this step.
alter table holds add column closed_at timestamptz;

-- The entry whose record of the same use this one adds credits to: the use is counted there. Null: a use of its own.
alter table usage_records add column corrects bigint;
alter table usage_by_account drop constraint usage_by_account_records_check;
alter table usage_by_account add constraint usage_by_account_records_check check (records >= 0) not valid;
alter table usage_by_shard drop constraint usage_by_shard_records_check;
alter table usage_by_shard add constraint usage_by_shard_records_check check (records >= 0) not valid;

-- no down: who placed a hold and which entry corrects which are recorded nowhere else.
