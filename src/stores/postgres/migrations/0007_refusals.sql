-- Who was refused, when and why, by the minute. Additive; takes no lock on existing tables.

-- up

-- One row for all refusals of an account within a minute, for one reason at one route: however often a client tries
-- again, it makes few rows. Removed after 30 days (limits.ts). The primary key also serves "this account, newest first".
create table refusals (
  account_id text        not null,
  minute     timestamptz not null,
  -- An error code, check_negative or not_permitted (kit/metrics/catalogue.ts).
  reason     text        not null,
  method     text        not null,
  -- The route's template, never a path: no ids of callers.
  route      text        not null,
  count      bigint      not null check (count > 0),
  first_at   timestamptz not null,
  last_at    timestamptz not null,
  -- Of the last one.
  status     integer     not null,
  message    text        not null,
  request_id text        not null,
  primary key (account_id, minute, reason, method, route)
);

-- "Everybody, newest first", and what is to be removed.
create index refusals_minute_idx on refusals (minute);

-- down

-- Loses only diagnostics, which are kept for 30 days.
drop table refusals;
