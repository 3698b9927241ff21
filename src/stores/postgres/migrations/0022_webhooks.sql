-- Events of accounts, and webhooks that deliver them. Additive: new tables only, no lock on an existing one. A gateway of the
-- version before runs on it, and its workers write no events.

-- up

-- What happened, once each. The drain writes events in the transaction of the entries that they follow from; all writers hold
-- one lock from before they take a position until they commit, so positions become visible in their order.
create table events (
  position   bigint      generated always as identity primary key,
  -- A digest of what it follows from: the same entry never makes a second one.
  event_id   text        not null unique,
  account_id text        not null,
  type       text        not null,
  at         timestamptz not null,
  -- Of balance.low: the threshold, and whether it is the account's own.
  threshold  bigint,
  of_account boolean     not null default false,
  -- As it is sent. json keeps the text, so all attempts send the same bytes.
  data       json        not null,
  written_at timestamptz not null default now()
);

create index events_account_idx on events (account_id, position);

-- Below which balance an account causes balance.low.
create table balance_thresholds (
  account_id text        primary key,
  amount     bigint      not null check (amount > 0),
  version    bigint      not null default 1,
  set_by     text        not null,
  set_at     timestamptz not null default now()
);

-- Lots whose owner was told that they expire soon.
create table told_lots (
  account_id text        not null,
  lot_id     text        not null,
  expires_at timestamptz not null,
  primary key (account_id, lot_id)
);

create index told_lots_expires_idx on told_lots (expires_at);

create table webhook_endpoints (
  endpoint_id        text        primary key,
  url                text        not null,
  description        text,
  -- Empty: all.
  event_types        text[]      not null default '{}',
  -- Whose events: one account, accounts with a prefix, or all.
  account_id         text,
  account_prefix     text,
  -- The threshold of balance.low for all these accounts. Null: each account's own.
  low_balance        bigint      check (low_balance > 0),
  state              text        not null check (state in ('enabled', 'disabled')),
  disabled_reason    text        check (disabled_reason in ('request', 'failures', 'gone')),
  disabled_at        timestamptz,
  -- The first failed attempt since the last success.
  failing_since      timestamptz,
  -- Events up to here are not for it: they are older than the endpoint, or than its last enabling.
  after_position     bigint      not null,
  secret             text        not null,
  -- Signs beside the new one until its end.
  previous_secret    text,
  previous_ends_at   timestamptz,
  -- The Idempotency-Key of the last rotation.
  rotation_key       text,
  version            bigint      not null default 1,
  created_by         text        not null,
  created_at         timestamptz not null,
  request_key        text        unique,
  request_fingerprint text,
  constraint webhook_endpoints_one_filter check (account_id is null or account_prefix is null),
  constraint webhook_endpoints_disabled check ((state = 'disabled') = (disabled_reason is not null)),
  constraint webhook_endpoints_previous check ((previous_secret is null) = (previous_ends_at is null))
);

-- An event on its way to an endpoint.
create table webhook_deliveries (
  delivery_id bigint      generated always as identity primary key,
  endpoint_id text        not null references webhook_endpoints on delete cascade,
  position    bigint      not null references events on delete cascade,
  state       text        not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  -- Since it was made or last resent.
  attempts    integer     not null default 0,
  -- When it is tried next. An attempt in progress has moved it ahead, so a crash only delays the next one.
  next_at     timestamptz not null,
  give_up_at  timestamptz not null,
  -- What the last attempts were answered, the oldest first.
  answers     jsonb       not null default '[]',
  created_at  timestamptz not null,
  ended_at    timestamptz,
  constraint webhook_deliveries_once unique (endpoint_id, position),
  constraint webhook_deliveries_end check ((state = 'pending') = (ended_at is null))
) with (fillfactor = 80);

create index webhook_deliveries_due_idx on webhook_deliveries (endpoint_id, next_at) where state = 'pending';
create index webhook_deliveries_position_idx on webhook_deliveries (position);

-- Up to which event deliveries have been made.
create table webhook_cursor (
  only_one boolean primary key default true check (only_one),
  position bigint  not null
);
insert into webhook_cursor (position) values (0);

-- down

-- Loses endpoints, their secrets and the record of what was sent.
drop table webhook_cursor, webhook_deliveries, webhook_endpoints, told_lots, balance_thresholds, events;
