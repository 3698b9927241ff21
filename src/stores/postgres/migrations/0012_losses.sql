-- How far the heartbeat has seen each shard's stream, and what Redis has lost. Additive.
-- Locks no existing table; a gateway of the version before runs on it and writes neither table.

-- up

-- Apart from the table shards, whose rows drains lock.
create table shard_marks (
  shard   integer     primary key,
  epoch   bigint      not null,
  last_id text        not null,
  -- Entries that the epoch had got up to last_id.
  entries bigint      not null check (entries >= 0),
  at      timestamptz not null default now()
) with (fillfactor = 50);

-- One row per epoch that ended because Redis had lost something. Nothing is deleted here.
create table shard_losses (
  shard           integer     not null,
  epoch           bigint      not null,
  -- The last entry before the loss, and the newest that was acknowledged: ids of the epoch's stream.
  survived_id     text        not null,
  known_id        text        not null,
  -- Acknowledged entries that are nowhere any more, at least. 0: Postgres had them all.
  entries         bigint      not null check (entries >= 0),
  -- Entries lost by account, as far as the gateways knew.
  accounts        jsonb       not null default '{}',
  -- When Redis wrote the two entries; from_at null: the epoch had no entry before the loss.
  from_at         timestamptz,
  to_at           timestamptz,
  noticed_at      timestamptz not null default now(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  reason          text,
  primary key (shard, epoch)
);

create index shard_losses_open_idx on shard_losses (noticed_at) where entries > 0 and acknowledged_at is null;

-- no down: what Redis lost, and who dealt with it, is recorded nowhere else.
