-- Holds that are extended and reported while they are open, and whose terms are their own. Additive; constraints are not
-- validated, so no large table is read under a lock. A gateway of the version before runs on it unchanged.

-- up

-- Of a hold whose place gave it terms; null for every other.
alter table holds add column over_capture text;
alter table holds add column debt_limit bigint;
alter table holds add column input_cost bigint;
alter table holds add column lease_milliseconds bigint;
-- What its usage so far was last reported to cost, and that usage as class=tokens,…
alter table holds add column reported bigint not null default 0;
alter table holds add column reported_usage text not null default '';
alter table holds add column reported_at timestamptz;
-- What an expiry by report took: lot:amount:expires_at_ms,… A late settle gives back to these lots.
alter table holds add column spent text not null default '';
alter table holds add constraint holds_over_capture_check check (over_capture in ('debt', 'available', 'cap')) not valid;

-- What a list of an account's holds reads.
create index holds_placed_idx on holds (account_id, placed_seq);

-- The same as of the entry.
alter table entries add column reported bigint not null default 0;
alter table entries add column reported_usage text not null default '';

-- A late settle may give back what the expiry of its hold charged by report.
alter table entries drop constraint entries_captured_check;
alter table entries add constraint entries_captured_check check (captured >= 0 or kind in ('refund', 'give_back')) not valid;
alter table entries drop constraint entries_uncollected_check;
alter table entries add constraint entries_uncollected_check
  check (uncollected >= 0 or kind in ('charge', 'attribute', 'give_back')) not valid;

-- no down: entries of these kinds stay in the ledger, and what is reported of holds is recorded nowhere else.
