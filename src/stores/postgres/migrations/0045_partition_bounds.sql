-- The application may have partitions made for months of some thirty years, not for any date: each is a table of its own, and
-- millions of months fit in a date. Replaces one function; takes no lock on existing tables, and a gateway of the version before
-- runs on it.

-- up

create or replace function ensure_entries_partition(month date) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  first  date := date_trunc('month', month)::date;
  suffix text := to_char(first, 'YYYY_MM');
  lower  text := to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00';
  upper  text := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
  parent text;
  part   text;
begin
  -- The far end is for clocks that are wrong and for tests that move time.
  if first is null or first not between '2000-01-01' and current_date + interval '30 years' then
    raise exception 'there is no month of a ledger at %', month using errcode = 'restrict_violation';
  end if;
  if to_regclass('entry_details_' || suffix) is not null then return false; end if;
  perform pg_advisory_xact_lock(hashtext('credit-gateway:partitions'));
  -- A query, because it sees what was committed while we waited; to_regclass may answer from a cache.
  if exists (select from pg_class where relname = 'entry_details_' || suffix
                and relnamespace = (select relnamespace from pg_class where oid = 'entry_details'::regclass)) then
    return false;
  end if;
  foreach parent in array array['entries', 'entry_details'] loop
    part := parent || '_' || suffix;
    execute format('create table %I (like %I including defaults including constraints)', part, parent);
    execute format('alter table %I add primary key (account_id, seq)', part);
    execute format('create trigger no_truncate before truncate on %I for each statement execute function forbid_change()', part);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, lower, upper);
  end loop;
  return true;
end $$;

-- down

create or replace function ensure_entries_partition(month date) returns boolean
language plpgsql security definer set search_path from current as $$
declare
  first  date := date_trunc('month', month)::date;
  suffix text := to_char(first, 'YYYY_MM');
  lower  text := to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00';
  upper  text := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
  parent text;
  part   text;
begin
  if to_regclass('entry_details_' || suffix) is not null then return false; end if;
  perform pg_advisory_xact_lock(hashtext('credit-gateway:partitions'));
  -- A query, because it sees what was committed while we waited; to_regclass may answer from a cache.
  if exists (select from pg_class where relname = 'entry_details_' || suffix
                and relnamespace = (select relnamespace from pg_class where oid = 'entry_details'::regclass)) then
    return false;
  end if;
  foreach parent in array array['entries', 'entry_details'] loop
    part := parent || '_' || suffix;
    execute format('create table %I (like %I including defaults including constraints)', part, parent);
    execute format('alter table %I add primary key (account_id, seq)', part);
    execute format('create trigger no_truncate before truncate on %I for each statement execute function forbid_change()', part);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, lower, upper);
  end loop;
  return true;
end $$;
