-- Server keys, features and what packages include of them, telemetry of features, and queue messages without a name.
-- Additive; takes no lock on existing tables.

-- up

-- Keys of servers. Only the digest is kept: 256 random bits cannot be guessed from it, so a slow hash would cost every
-- request time and protect nothing.
create table server_keys (
  key_id       text        primary key,
  name         text        not null,
  -- SHA-256, in hex.
  digest       text        not null unique check (digest ~ '^[0-9a-f]{64}$'),
  -- How the key begins: what a list shows of it.
  hint         text        not null,
  scopes       text[]      not null check (cardinality(scopes) > 0),
  created_by   text        not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

create index server_keys_live_idx on server_keys (created_at) where revoked_at is null;

-- What can be called, and what it needs at least. Deleted ones stay: usage of them may still be on its way, and usage
-- that happened is always charged (I8).
create table feature_endpoints (
  endpoint_id text        primary key check (endpoint_id ~ '^[0-9a-f]{24}$'),
  -- The feature it belongs to: what packages include.
  feature     text        not null,
  name        text        not null,
  -- How callers name it, in lower case.
  value       text        not null check (value = lower(btrim(value)) and value <> ''),
  endpoint    text        not null default '',
  method      text        not null default 'POST',
  min_credits bigint      not null default 0 check (min_credits >= 0),
  is_active   boolean     not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  deleted_at  timestamptz
);

create unique index feature_endpoints_value_idx on feature_endpoints (value) where deleted_at is null;

create table packages (
  package_id text        primary key check (package_id ~ '^[0-9a-f]{24}$'),
  name       text        not null,
  -- Of users without a subscription; at most one is.
  is_initial boolean     not null default false,
  is_active  boolean     not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create unique index packages_initial_idx on packages (is_initial) where is_initial;

-- A row includes a feature, or (endpoint_id not '') one endpoint of it. A minimum here wins over the endpoint's own.
create table package_features (
  package_id  text   not null references packages on delete cascade,
  feature     text   not null,
  endpoint_id text   not null default '',
  min_credits bigint check (min_credits >= 0),
  -- JSON text, given to callers as it is.
  config      text,
  primary key (package_id, feature, endpoint_id)
);

create table subscriptions (
  subscription_id text        primary key check (subscription_id ~ '^[0-9a-f]{24}$'),
  account_id      text        not null,
  package_id      text        not null references packages,
  starts_at       timestamptz not null default now(),
  -- Null: never.
  ends_at         timestamptz,
  is_active       boolean     not null default true,
  created_at      timestamptz not null default now(),
  constraint subscriptions_end_after_start check (ends_at > starts_at)
);

create index subscriptions_account_idx on subscriptions (account_id, starts_at desc) where is_active;

-- What clients tell of their use of features: telemetry, without money. Text, so that no payload is refused for what
-- is inside it.
create table feature_usage_logs (
  log_id     bigint      generated always as identity primary key,
  account_id text        not null,
  payload    text        not null,
  at         timestamptz not null default now()
);

create index feature_usage_logs_account_idx on feature_usage_logs (account_id, at desc);

-- Queue messages that name no usage_key, from their first delivery until they are acknowledged: what a second delivery
-- of the same message is recognised by (src/edge/queues/unnamed-deliveries.ts). Empty when nothing is under way.
create table unnamed_deliveries (
  delivery_id  text        primary key,
  content_hash text        not null,
  -- The connection that has the message now.
  session      text        not null,
  received_at  timestamptz not null default now()
);

create index unnamed_deliveries_content_idx on unnamed_deliveries (content_hash, received_at);

-- no down: server keys, features, packages and subscriptions are recorded nowhere else.
