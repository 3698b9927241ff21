-- The two roles of the gateway in Postgres. Run it in the gateway's database as an administrator who may create roles, with
-- psql variables; it can be run again, also on a database that already has the gateway's tables:
--
--   psql -v ON_ERROR_STOP=1 -v owner=gateway_owner -v owner_password=… -v application=gateway_app -v application_password=… \
--     -d gateway -f roles.sql
--
-- The owner (MIGRATION_DATABASE_URL) owns the tables and changes the schema. The application (DATABASE_URL) reads and adds rows;
-- each migration run grants it what else it needs (src/stores/postgres/privileges.ts). Neither is a superuser. The default
-- privileges below are also how a migration run finds the application's role.
select set_config('gateway.owner', :'owner', false), set_config('gateway.owner_password', :'owner_password', false),
       set_config('gateway.application', :'application', false), set_config('gateway.application_password', :'application_password', false);

do $roles$
declare
  owner       text := current_setting('gateway.owner');
  application text := current_setting('gateway.application');
  each        record;
begin
  if owner = application then raise exception 'the owner and the application must be two roles'; end if;
  for each in select name, current_setting('gateway.' || key) as password
                from (values (owner, 'owner_password'), (application, 'application_password')) as wanted (name, key) loop
    if exists (select from pg_roles where rolname = each.name and (rolsuper or rolcreaterole or rolbypassrls or rolreplication)) then
      raise exception 'role % may do too much: choose another name', each.name;
    end if;
    if not exists (select from pg_roles where rolname = each.name) then execute format('create role %I', each.name); end if;
    execute format('alter role %I login password %L', each.name, each.password);
  end loop;
  if pg_has_role(application, owner, 'member') then raise exception 'role % is a member of %', application, owner; end if;
  -- An administrator who is not a superuser, as on managed servers, may only give things to a role that it is a member of.
  if not pg_has_role(owner, 'usage') then execute format('grant %I to current_user', owner); end if;

  execute format('alter database %I owner to %I', current_database(), owner);
  execute format('revoke temporary on database %I from public', current_database());
  execute format('grant connect on database %I to %I, %I', current_database(), owner, application);
  execute 'revoke create on schema public from public';
  -- Large objects: storage outside of every table, which Postgres lets any role create. Only a superuser may take that away.
  begin
    revoke execute on function lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) from public;
  exception when insufficient_privilege then
    raise notice 'large objects stay open to every role: only a superuser may revoke lo_create, lo_creat and lo_from_bytea';
  end;
  execute format('grant usage, create on schema public to %I', owner);
  execute format('grant usage on schema public to %I', application);
  execute format('alter default privileges for role %I in schema public grant select, insert on tables to %I', owner, application);

  -- Tables and functions of a database that one role has run so far. A sequence of a column goes with its table.
  for each in select oid::regclass as name from pg_class as c
               where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S', 'v', 'm') and pg_get_userbyid(relowner) <> owner
                 and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid
                                    and deptype in ('a', 'i', 'e') and refclassid in ('pg_class'::regclass, 'pg_extension'::regclass)
                                    and (relkind = 'S' or deptype = 'e')) loop
    execute format('alter table %s owner to %I', each.name, owner);
  end loop;
  for each in select oid::regprocedure as name from pg_proc as p
               where pronamespace = 'public'::regnamespace and pg_get_userbyid(proowner) <> owner
                 and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e') loop
    execute format('alter routine %s owner to %I', each.name, owner);
  end loop;
end $roles$;

select set_config('gateway.owner_password', '', false), set_config('gateway.application_password', '', false);
