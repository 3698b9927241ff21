-- Writes of configuration, each with who asked for it, when and why. Additive: a gateway of the version before runs on it, and
-- records none.

-- up

create table changes (
  change_id  bigint      generated always as identity primary key,
  at         timestamptz not null default now(),
  actor      text        not null,
  -- `operator` or `service`.
  actor_kind text        not null,
  reason     text,
  method     text        not null,
  -- As it was asked, percent-encoded.
  path       text        not null,
  account_id text,
  -- JSON text of what was asked, without the reason.
  body       text,
  request_id text        not null,
  -- Null while it runs, and for good if what became of it is unknown.
  status     integer
);
create index changes_account_idx on changes (account_id, change_id) where account_id is not null;

-- no down: reasons of changes are stored nowhere else.
