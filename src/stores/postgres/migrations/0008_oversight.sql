-- Frozen accounts, what the reconciler found and how far it is, who let a stopped shard go on, and what models cost.
-- Additive.

-- up

-- As the last entry of kind freeze or thaw says; who, why and when are of a freeze that holds.
alter table accounts add column frozen boolean not null default false;
alter table accounts add column frozen_by text;
alter table accounts add column frozen_reason text;
alter table accounts add column frozen_at timestamptz;
create index accounts_frozen_idx on accounts (account_id) where frozen;

-- Differences between Redis and Postgres, or inside Postgres. Nothing is repaired by what finds them.
create table drift_findings (
  finding_id        bigint      generated always as identity primary key,
  -- '' for a difference in the sum over all accounts.
  account_id        text        not null,
  -- A name of DRIFT_CHECKS (src/kit/metrics/catalogue.ts).
  "check"           text        not null,
  -- Null for the sum over all accounts.
  shard             integer,
  seq               bigint,
  expected          text        not null,
  actual            text        not null,
  difference_micros bigint      not null check (difference_micros >= 0),
  first_seen_at     timestamptz not null default now(),
  last_seen_at      timestamptz not null default now(),
  resolved_at       timestamptz
);

create unique index drift_findings_open_idx on drift_findings (account_id, "check") where resolved_at is null;
create index drift_findings_first_seen_idx on drift_findings (first_seen_at);

-- One row: where the reconciler is on its way through the accounts.
create table reconcile_state (
  single           boolean     primary key default true check (single),
  -- Whoever works on a batch now, until then at the latest.
  claimed_until    timestamptz,
  -- The last account that the present round compared.
  account_cursor   text        not null default '',
  -- Where SCAN goes on, looking for accounts that Postgres does not know.
  scan_cursor      text        not null default '0',
  round_accounts   bigint      not null default 0,
  -- Whether the present round compares everything, not only the newest entries.
  round_is_full    boolean     not null default true,
  -- The next round shall be one.
  full_wanted      boolean     not null default false,
  last_batch_at    timestamptz,
  last_round_at    timestamptz,
  last_round_accounts bigint,
  last_full_at     timestamptz
);
insert into reconcile_state default values;

create table shard_resumes (
  shard          integer     not null,
  epoch          bigint      not null,
  last_id        text        not null,
  stopped_reason text        not null,
  reason         text        not null,
  actor          text        not null,
  at             timestamptz not null default now()
);

-- What models cost, by the hour (UTC) and from now on: the drainer adds to it in the transaction that writes the entries.
-- One row per shard, summed when read, so that no two drainers wait for each other here. Names are those of price books
-- and 'unknown'. Kept for ever: at most models times shards an hour, and never more than there were uses.
create table model_hours (
  hour     timestamptz not null,
  model    text        not null,
  shard    integer     not null,
  messages bigint      not null check (messages >= 0),
  -- numeric, as in usage_by_account: what is held and voided again and again, or what callers say of tokens, must not
  -- overflow, and what cannot be added up would stop a shard.
  tokens   numeric     not null check (tokens >= 0),
  held     numeric     not null check (held >= 0),
  captured numeric     not null check (captured >= 0),
  primary key (hour, model, shard)
) with (fillfactor = 80);

-- no down: why an account is frozen, open findings of the reconciler and resumed shards are recorded nowhere else, and
-- model_hours counts only from this migration on.
