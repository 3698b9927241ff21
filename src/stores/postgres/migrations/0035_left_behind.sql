-- What a forked shard had that Postgres did not take, by account. Additive: columns with defaults, which rewrite no table, and a
-- new table. A version before reads and writes shard_losses as ever.

-- up

-- `lost`: Redis lost acknowledged entries. `left_behind`: an operator gave a stopped shard a new epoch, and these stayed in the old.
alter table shard_losses add column kind text not null default 'lost' check (kind in ('lost', 'left_behind'));
-- Entries of these that name no account.
alter table shard_losses add column unreadable bigint not null default 0;

-- Every account of what was left behind; the column accounts of shard_losses names only some. Sums in micros; numeric, because
-- what contradicts the books may be of any size.
create table shard_loss_accounts (
  shard      integer not null,
  epoch      bigint  not null,
  account_id text    not null,
  entries    bigint  not null,
  granted    numeric not null,
  captured   numeric not null,
  available  numeric not null,
  primary key (shard, epoch, account_id),
  foreign key (shard, epoch) references shard_losses
);

-- no down: what was left behind is recorded by account nowhere else.
