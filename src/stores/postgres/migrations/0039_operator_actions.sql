-- What operators did in the console. Adds a table; nothing that exists is locked.

-- up

-- A line when an action is asked for, before it runs, and one with its end. Both have the same action_id. A line without an end:
-- the process died, or the end could not be written.
create table operator_actions (
  id         bigint generated always as identity primary key,
  action_id  text        not null,
  at         timestamptz not null default now(),
  stage      text        not null check (stage in ('asked', 'done', 'refused', 'unknown')),
  actor      text        not null,
  role       text        not null,
  action     text        not null,
  account_id text,
  -- The hold, the message or the page that it was about; '' for the account itself.
  target     text        not null,
  -- What was entered, or how it ended.
  details    text        not null,
  reason     text        not null,
  request_id text        not null,
  -- A digest of the session's id.
  session    text        not null
);
create index operator_actions_asked_idx on operator_actions (id desc) where stage = 'asked';
create index operator_actions_actor_idx on operator_actions (actor, id desc) where stage = 'asked';
create index operator_actions_account_idx on operator_actions (account_id, id desc) where stage = 'asked' and account_id is not null;
create index operator_actions_ends_idx on operator_actions (action_id, id) where stage <> 'asked';
create trigger operator_actions_append_only before update or delete on operator_actions
  for each row execute function forbid_change();
create trigger operator_actions_no_truncate before truncate on operator_actions
  for each statement execute function forbid_change();

-- down

drop table operator_actions;
