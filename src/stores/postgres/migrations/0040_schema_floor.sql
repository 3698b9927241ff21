-- The oldest gateway that may run on this schema, named by its newest migration: a gateway refuses to start when its own newest one is
-- older. Adds a table; locks nothing that exists. A gateway of the version before does not look and runs on it.

-- up

create table schema_floor (
  migration text        primary key,
  reason    text        not null,
  at        timestamptz not null default now()
);
insert into schema_floor (migration, reason)
  values ('0029_hold_spending', 'older workers do not know the entries of leases, limits, refunds and transfers');

-- down

drop table schema_floor;
