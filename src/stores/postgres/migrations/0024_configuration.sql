-- Versions of plans, for ETag and If-Match; and the answers of writes of /v1 that came with an Idempotency-Key and are not
-- remembered by what they wrote. Rewrites `plans`, which is small. A gateway of the version before runs on it: the trigger counts
-- its changes, too.

-- up

-- One sequence for all plans: a plan that was removed and made again does not get an earlier version back.
create sequence plan_versions;
alter table plans add column version bigint not null default nextval('plan_versions');

create function next_plan_version() returns trigger language plpgsql as $$
begin
  new.version := nextval('plan_versions');
  return new;
end $$;
create trigger plans_version before update on plans for each row execute function next_plan_version();

create table kept_answers (
  caller      text        not null,
  key         text        not null,
  -- The digest of the request.
  fingerprint text        not null,
  -- Null while the request runs, and for good if its process died: a repeat then does it again.
  status      integer,
  etag        text,
  body        text,
  created_at  timestamptz not null default now(),
  primary key (caller, key)
);
create index kept_answers_created_idx on kept_answers (created_at);

-- down

drop table kept_answers;
drop trigger plans_version on plans;
drop function next_plan_version();
alter table plans drop column version;
drop sequence plan_versions;
