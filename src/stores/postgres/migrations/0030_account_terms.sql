-- What an account allows its holds: every version, with who made it and why. Additive: a gateway of the version before runs on it and
-- applies none of them, also to accounts that it loads into Redis, so terms are defined when the last of them is gone.

-- up

create table account_terms (
  account_id   text        not null,
  version      bigint      not null check (version > 0),
  -- null: what the gateway allows. All three of a version that removed the terms.
  max_hold     bigint      check (max_hold > 0),
  over_capture text        check (over_capture in ('debt', 'available', 'cap')),
  debt_limit   bigint      check (debt_limit >= 0),
  reason       text,
  actor        text,
  changed_at   timestamptz not null default now(),
  -- Whether Redis certainly has it, or a later one; a worker sends the rest.
  applied      boolean     not null default false,
  primary key (account_id, version)
);

create index account_terms_pending_idx on account_terms (changed_at) where not applied;

-- down

drop table account_terms;
