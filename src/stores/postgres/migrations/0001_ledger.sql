-- The journal's tables: entries, what they add up to (accounts, lots, holds, usage) and the shards' cursors.
-- Additive; takes no lock on existing tables.

-- up

create table settings (
  name  text primary key,
  value text not null
);

-- One row per shard. Its row lock, taken before the stream is read, makes the drainer its only writer; last_id is the
-- cursor and moves in the transaction that writes the rows (reliability finding 8).
create table shards (
  shard          integer     primary key check (shard >= 0),
  epoch          bigint      not null check (epoch > 0),
  last_id        text        not null check (last_id ~ '^[0-9]+-[0-9]+$'),
  -- Entries of this epoch that are in Postgres: with what the stream ever got, how many are still to come.
  drained        bigint      not null default 0 check (drained >= 0),
  -- Why nothing is drained any more: a fork, a gap, a row that contradicts what is stored. Cleared by a new epoch.
  stopped_reason text,
  updated_at     timestamptz not null default now()
) with (fillfactor = 50);

create function forbid_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'restrict_violation';
end $$;

-- The append-only record (I7). Amounts are micro-credits and deltas of this entry, but for the *_after ones.
-- A partitioned table cannot have a unique index without its partition key, so no index can promise that an event
-- or a (account_id, seq) exists only once for ever. That promise is accounts.seq: the drainer, alone on its shard,
-- accepts only seq + 1. Each month's partition has its own primary key (account_id, seq) as a second line, which is
-- more than a key over (account_id, seq, at) would give.
create table entries (
  account_id      text        not null,
  seq             bigint      not null check (seq > 0),
  at              timestamptz not null,
  epoch           bigint      not null,
  kind            text        not null,
  available       bigint      not null,
  held            bigint      not null,
  debt            bigint      not null,
  granted         bigint      not null check (granted >= 0),
  captured        bigint      not null check (captured >= 0),
  expired         bigint      not null check (expired >= 0),
  removed         bigint      not null check (removed >= 0),
  uncollected     bigint      not null check (uncollected >= 0),
  overage         bigint      not null check (overage >= 0),
  available_after bigint      not null check (available_after >= 0),
  held_after      bigint      not null check (held_after >= 0),
  debt_after      bigint      not null check (debt_after >= 0),
  lots            text        not null,
  hold_id         text        not null,
  lease_ms        bigint      not null,
  policy          text        not null,
  key             text        not null,
  fingerprint     text        not null,
  price           text        not null,
  recorded_at     timestamptz not null default now(),
  -- I1, for every single entry.
  constraint entries_conserve check (granted = available + held + captured + expired + removed - debt)
) partition by range (at);

create trigger entries_append_only before update or delete on entries
  for each row execute function forbid_change();
create trigger entries_no_truncate before truncate on entries
  for each statement execute function forbid_change();

-- Receipts: keyed operations of one account, the newest first. Most entries have no key.
create index entries_key_idx on entries (account_id, at) where key <> '';

-- Text of an entry, apart from the money, so that a text which Postgres cannot store never blocks it.
create table entry_details (
  account_id text        not null,
  seq        bigint      not null,
  at         timestamptz not null,
  about      text        not null
) partition by range (at);

create trigger entry_details_append_only before update or delete on entry_details
  for each row execute function forbid_change();
create trigger entry_details_no_truncate before truncate on entry_details
  for each statement execute function forbid_change();

-- Makes a month's partitions if they are missing. Built aside and attached, because creating a table as a partition
-- would lock out every reader and writer of the parent. Runs with the owner's rights, so that the application's role
-- needs none of its own; the lock orders processes that make the same month at once.
create function ensure_entries_partition(month date) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  first  date := date_trunc('month', month)::date;
  suffix text := to_char(first, 'YYYY_MM');
  lower  text := to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00';
  upper  text := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
  parent text;
  part   text;
begin
  if to_regclass('entry_details_' || suffix) is not null then return false; end if;
  perform pg_advisory_xact_lock(hashtext('credit-gateway:partitions'));
  -- A query, because it sees what was committed while we waited; to_regclass may answer from a cache.
  if exists (select from pg_class where relname = 'entry_details_' || suffix
                and relnamespace = (select relnamespace from pg_class where oid = 'entry_details'::regclass)) then
    return false;
  end if;
  foreach parent in array array['entries', 'entry_details'] loop
    part := parent || '_' || suffix;
    execute format('create table %I (like %I including defaults including constraints)', part, parent);
    execute format('alter table %I add primary key (account_id, seq)', part);
    execute format('create trigger no_truncate before truncate on %I for each statement execute function forbid_change()', part);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, lower, upper);
  end loop;
  return true;
end $$;

-- The sum of an account's entries, and with seq the guard that each is counted once.
create table accounts (
  account_id  text        primary key,
  shard       integer     not null,
  seq         bigint      not null check (seq > 0),
  epoch       bigint      not null,
  available   bigint      not null check (available >= 0),
  held        bigint      not null check (held >= 0),
  debt        bigint      not null check (debt >= 0),
  granted     bigint      not null check (granted >= 0),
  captured    bigint      not null check (captured >= 0),
  expired     bigint      not null check (expired >= 0),
  removed     bigint      not null check (removed >= 0),
  uncollected bigint      not null check (uncollected >= 0),
  updated_at  timestamptz not null,
  constraint accounts_conserve check (granted = available + held + captured + expired + removed - debt)
) with (fillfactor = 70);

create table lots (
  account_id text        not null,
  lot_id     text        not null,
  -- Zero: a balance that was set to nothing.
  amount     bigint      not null check (amount >= 0),
  remaining  bigint      not null check (remaining >= 0),
  held       bigint      not null check (held >= 0),
  granted_at timestamptz not null,
  -- Null: never.
  expires_at timestamptz,
  opened_seq bigint      not null,
  kind       text        not null,
  source     text,
  actor      text,
  reason     text,
  notes      text,
  -- Nothing left and nothing held: it can never come back.
  closed_at  timestamptz,
  primary key (account_id, lot_id),
  constraint lots_hold_together check (remaining + held <= amount),
  constraint lots_closed_when_empty check ((closed_at is not null) = (remaining = 0 and held = 0))
) with (fillfactor = 70);

create index lots_live_idx on lots (account_id) where closed_at is null;
-- Lots that should have ended: what expire-forgotten looks for.
create index lots_due_idx on lots (expires_at) where remaining > 0;

create table holds (
  account_id      text        not null,
  hold_id         text        not null,
  -- A hold id may be used again once Redis has forgotten the first; the entry that placed it tells them apart.
  placed_seq      bigint      not null,
  state           text        not null check (state in ('open', 'settled', 'voided', 'expired')),
  amount          bigint      not null check (amount >= 0),
  -- lot:amount,lot:amount in the order it was taken.
  parts           text        not null,
  policy          text        not null,
  price           text        not null,
  fingerprint     text        not null,
  about           text        not null,
  -- What was left when it was placed: part of the answer that a repeat gets.
  placed_available bigint     not null check (placed_available >= 0),
  placed_at       timestamptz not null,
  expires_at      timestamptz not null,
  captured        bigint      not null default 0 check (captured >= 0),
  released        bigint      not null default 0 check (released >= 0),
  expired         bigint      not null default 0 check (expired >= 0),
  overage         bigint      not null default 0 check (overage >= 0),
  debt            bigint      not null default 0 check (debt >= 0),
  uncollected     bigint      not null default 0 check (uncollected >= 0),
  late            boolean     not null default false,
  available_after bigint      check (available_after >= 0),
  end_fingerprint text,
  end_about       text,
  ended_at        timestamptz,
  ended_seq       bigint,
  primary key (account_id, hold_id, placed_seq),
  constraint holds_end_is_whole check ((state = 'open') = (ended_seq is null) and (ended_seq is null) = (ended_at is null)),
  constraint holds_end_after_place check (ended_seq > placed_seq),
  -- What was reserved is spent, given back or expired, and nothing else; what is charged beyond it is overage.
  constraint holds_conserve check (state = 'open' or amount = captured - overage + released + expired)
) with (fillfactor = 70);

-- I2 and I3 as the database sees them: at most one open hold under one name.
create unique index holds_open_idx on holds (account_id, hold_id) where state = 'open';
-- Holds that should have ended: what expire-forgotten looks for.
create index holds_due_idx on holds (expires_at) where state = 'open';
-- What a rebuild reads: holds that ended lately.
create index holds_ended_idx on holds (account_id, ended_at) where state <> 'open';

create table usage_records (
  account_id text        not null,
  seq        bigint      not null,
  at         timestamptz not null,
  service    text        not null,
  operation  text        not null,
  credits    bigint      not null check (credits >= 0),
  -- JSON text as the caller sent it; never read as json by the database (reliability finding 13).
  metadata   text        not null,
  primary key (account_id, seq)
);

create index usage_records_account_at_idx on usage_records (account_id, at);
create index usage_records_at_idx on usage_records using brin (at);

-- What was asked for before Redis was asked (I6). intent_id is also the lot's id, so lots are ordered by age.
create table money_in (
  intent_id         bigint      generated always as identity primary key,
  account_id        text        not null,
  kind              text        not null check (kind in ('grant', 'adjust', 'set', 'remove')),
  amount            bigint      not null,
  -- Null: never.
  expires_at_ms     bigint,
  idempotency_scope text,
  idempotency_key   text,
  fingerprint       text        not null,
  about             text        not null,
  state             text        not null default 'pending' check (state in ('pending', 'applied', 'refused')),
  reply             jsonb,
  applied_seq       bigint,
  created_at        timestamptz not null default now(),
  tried_at          timestamptz not null default now(),
  constraint money_in_amount check (case kind when 'adjust' then amount <> 0 when 'set' then amount >= 0 else amount > 0 end),
  constraint money_in_idempotency check ((idempotency_scope is null) = (idempotency_key is null)),
  constraint money_in_applied check ((state = 'applied') = (applied_seq is not null))
) with (fillfactor = 70);

create unique index money_in_idempotency_idx on money_in (idempotency_scope, idempotency_key) where idempotency_key is not null;
create index money_in_pending_idx on money_in (tried_at) where state = 'pending';
create index money_in_account_idx on money_in (account_id, intent_id);

-- Text that Postgres or we could not read; the money of the same entry is in entries.
create table quarantine (
  id         bigint      generated always as identity primary key,
  shard      integer     not null,
  epoch      bigint      not null,
  stream_id  text        not null,
  account_id text        not null,
  reason     text        not null,
  payload    text        not null,
  at         timestamptz not null default now()
);

-- Who an account belongs to, as the tokens say; found by name, never trusted for money.
create table profiles (
  account_id text        primary key,
  username   text,
  email      text,
  role       text,
  first_seen timestamptz not null,
  last_seen  timestamptz not null
) with (fillfactor = 80);

create index profiles_username_idx on profiles (username);
create index profiles_email_idx on profiles (lower(email));

-- no down: these tables are the ledger. Dropping them deletes every entry, balance and hold.
