-- Limits of accounts, what their windows have counted, and members of pools. Additive: a gateway of the version before runs on
-- it, counts nothing and loads no limits, so limits are defined when the last of them is gone. The new column of holds has a
-- constant default, so adding it rewrites nothing.

-- up

-- The limits of an account as a whole: a change of one is a new version of all, which Redis gets in any order.
create table limit_sets (
  account_id      text        primary key,
  version         bigint      not null check (version >= 0),
  -- What Redis certainly has; a worker sends the rest.
  applied_version bigint      not null default 0,
  changed_at      timestamptz not null default now()
) with (fillfactor = 80);

create index limit_sets_pending_idx on limit_sets (changed_at) where applied_version < version;

create table account_limits (
  account_id  text        not null references limit_sets,
  limit_id    text        not null,
  -- The version of the set that wrote it: its ETag.
  version     bigint      not null,
  -- Names its counters: the version of the set that defined what it counts.
  counter     bigint      not null,
  amount      bigint      not null check (amount >= 0),
  period      text        not null check (period in ('minute', 'hour', 'day', 'week', 'month', 'total')),
  window_kind text        not null check (window_kind in ('calendar', 'rolling')),
  time_zone   text        not null,
  mode        text        not null check (mode in ('refuse', 'warn')),
  -- null: any.
  spender     text,
  model       text,
  feature     text,
  api_key     text,
  updated_at  timestamptz not null default now(),
  updated_by  text,
  primary key (account_id, limit_id)
);

-- What each window has counted, from the facts of entries. Only the drainer of the account's shard writes it.
create table limit_windows (
  account_id text        not null,
  counter    bigint      not null,
  -- '' unless the limit has one counter per spender.
  spender    text        not null,
  starts_at  timestamptz not null,
  -- null: never.
  ends_at    timestamptz,
  -- Spent, and held by open holds.
  used       bigint      not null,
  -- Open holds that count in it.
  open       bigint      not null,
  crossed    boolean     not null,
  primary key (account_id, counter, spender, starts_at)
) with (fillfactor = 80);

create index limit_windows_ends_idx on limit_windows (ends_at);

-- What a hold counts in which windows, `counter:from:spender/credits,…` in the order in which it was taken.
alter table holds add column limit_parts text not null default '';

-- Who spends from another account, under the own name. An account is a member of at most one pool.
create table pool_members (
  spender    text        primary key,
  account_id text        not null,
  version    bigint      not null default 1,
  added_at   timestamptz not null default now(),
  added_by   text,
  check (spender <> account_id)
);

create index pool_members_account_idx on pool_members (account_id, spender);

-- One row, which every change of members locks and counts: of two changes at once, the second sees the first, and gateways see
-- that something has changed.
create table pool_changes (
  only_row boolean primary key default true check (only_row),
  version  bigint  not null
);
insert into pool_changes (version) values (0);

-- down

drop table pool_changes, pool_members, limit_windows, account_limits, limit_sets;
alter table holds drop column limit_parts;
