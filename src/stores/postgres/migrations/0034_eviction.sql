-- How far the worker is on its way through the accounts in Redis, looking for idle ones. Additive: a new table.

-- up

-- One row.
create table eviction_state (
  single         boolean     primary key default true check (single),
  -- A process that works on a step has it until then at the latest.
  claimed_until  timestamptz,
  -- Where SCAN goes on; '0': the next step starts a round.
  scan_cursor    text        not null default '0',
  -- Accounts that this round has found in Redis so far.
  round_accounts bigint      not null default 0,
  -- The last round that was completed: when, and how many accounts it left in Redis.
  last_round_at  timestamptz,
  resident       bigint
);
insert into eviction_state default values;

-- down

drop table eviction_state;
