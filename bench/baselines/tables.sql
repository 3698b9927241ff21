-- A ledger of holds that is Postgres alone: one call per operation, one row lock per account. It knows no lots, limits, leases,
-- terms or prices, all of which the gateway's scripts decide as well.
create schema baseline;

create table baseline.accounts (
  id text primary key,
  available bigint not null check (available >= 0),
  held bigint not null default 0 check (held >= 0),
  seq bigint not null default 0
) with (fillfactor = 50);

create table baseline.holds (
  account_id text not null,
  id text not null,
  amount bigint not null,
  captured bigint,
  fingerprint text not null,
  settle_fingerprint text,
  placed_at timestamptz not null,
  expires_at timestamptz not null,
  ended_seq bigint,
  primary key (account_id, id)
) with (fillfactor = 70);

create table baseline.entries (
  account_id text not null,
  seq bigint not null,
  kind text not null,
  hold_id text not null,
  amount bigint not null,
  available_after bigint not null,
  held_after bigint not null,
  at timestamptz not null,
  about text not null,
  primary key (account_id, seq)
);

create function baseline.place_hold(
  in_account text, in_hold text, in_amount bigint, in_lease_ms bigint, in_fingerprint text, in_about text,
  out status text, out replayed boolean, out out_seq bigint, out out_amount bigint, out expires_ms double precision,
  out placed_ms double precision, out out_available bigint
) language plpgsql as $$
declare
  account baseline.accounts;
  hold baseline.holds;
  now_at timestamptz := clock_timestamp();
begin
  select * into account from baseline.accounts where id = in_account for update;
  if not found then status := 'insufficient_credits'; out_available := 0; return; end if;
  select * into hold from baseline.holds where account_id = in_account and id = in_hold;
  replayed := found;
  if replayed then
    status := case when hold.ended_seq is not null then 'hold_resolved'
      when hold.fingerprint <> in_fingerprint then 'hold_exists' else 'placed' end;
  elsif account.available < in_amount then
    status := 'insufficient_credits';
    out_available := account.available;
    return;
  else
    status := 'placed';
    update baseline.accounts set available = available - in_amount, held = held + in_amount, seq = seq + 1
      where id = in_account returning * into account;
    insert into baseline.holds (account_id, id, amount, fingerprint, placed_at, expires_at)
      values (in_account, in_hold, in_amount, in_fingerprint, now_at, now_at + in_lease_ms * interval '1 ms') returning * into hold;
    insert into baseline.entries values
      (in_account, account.seq, 'hold', in_hold, in_amount, account.available, account.held, now_at, in_about);
  end if;
  out_seq := account.seq;
  out_amount := hold.amount;
  expires_ms := floor(extract(epoch from hold.expires_at) * 1000);
  placed_ms := floor(extract(epoch from hold.placed_at) * 1000);
  out_available := account.available;
end $$;

create function baseline.settle_hold(
  in_account text, in_hold text, in_cost bigint, in_fingerprint text, in_about text,
  out status text, out replayed boolean, out out_seq bigint, out out_amount bigint, out charged bigint, out ended_ms double precision,
  out placed_ms double precision, out out_available bigint
) language plpgsql as $$
declare
  account baseline.accounts;
  hold baseline.holds;
  now_at timestamptz := clock_timestamp();
begin
  select * into account from baseline.accounts where id = in_account for update;
  select * into hold from baseline.holds where account_id = in_account and id = in_hold;
  if not found then status := 'hold_not_found'; return; end if;
  replayed := hold.ended_seq is not null;
  status := case when replayed and hold.settle_fingerprint <> in_fingerprint then 'hold_resolved' else 'settled' end;
  if not replayed then
    charged := least(in_cost, hold.amount + account.available);
    update baseline.accounts set available = available + hold.amount - charged, held = held - hold.amount, seq = seq + 1
      where id = in_account returning * into account;
    update baseline.holds set captured = charged, settle_fingerprint = in_fingerprint, ended_seq = account.seq
      where account_id = in_account and id = in_hold returning * into hold;
    insert into baseline.entries values
      (in_account, account.seq, 'settle', in_hold, charged, account.available, account.held, now_at, in_about);
  end if;
  out_seq := hold.ended_seq;
  out_amount := hold.amount;
  charged := hold.captured;
  ended_ms := floor(extract(epoch from now_at) * 1000);
  placed_ms := floor(extract(epoch from hold.placed_at) * 1000);
  out_available := account.available;
end $$;

-- What the check-then-write design reads and writes, query by query.
create table baseline.orm_users (id text primary key, role text not null, is_active boolean not null);
create table baseline.orm_balances (
  id bigint generated always as identity primary key, user_id text not null unique, balance numeric(18, 6) not null,
  updated_at timestamptz not null default now()
);
create table baseline.orm_sessions (
  id bigint generated always as identity primary key, session_id text not null unique, user_id text not null, allocated numeric(18, 6) not null,
  used numeric(18, 6), status text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now()
);
create table baseline.orm_transactions (
  id bigint generated always as identity primary key, user_id text not null, session_id text not null, type text not null,
  amount numeric(18, 6) not null, balance_after numeric(18, 6) not null, created_at timestamptz not null default now()
);
create index on baseline.orm_transactions (user_id, created_at);
