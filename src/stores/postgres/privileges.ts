import type { Db } from './connect.js';

/**
 * What the application's role may do to a table beyond reading and adding rows, which it may everywhere. A table that is not
 * here is append-only for it: entries and their details with all partitions, prices, the statement, the quarantine, and every
 * table of a migration that forgets its line here. Nothing is ever truncated, altered or dropped by the application.
 */
const BEYOND_INSERT: Readonly<Record<string, readonly string[]>> = {
  // The sums of entries, written by the drain alone.
  accounts: ['update'], lots: ['update'], holds: ['update'], shards: ['update'], limit_windows: ['update', 'delete'],
  usage_by_account: ['update'], usage_by_shard: ['update'], usage_minutes: ['update'], model_hours: ['update'],
  transaction_totals: ['update'],
  // Only which entry collected what was left: the charge itself stays.
  usage_records: ['update (collected_seq)'],
  // Requests with a state.
  money_in: ['update'], transfers: ['update'], plan_periods: ['update'], claimed_lots: ['update'], kept_answers: ['update', 'delete'],
  unnamed_deliveries: ['update', 'delete'],
  // Settings that callers and operators change.
  account_limits: ['update', 'delete'], limit_sets: ['update'], account_plans: ['update', 'delete'], plans: ['update', 'delete'],
  pool_members: ['delete'], pool_changes: ['update'], price_counter: ['update'], server_keys: ['update'],
  feature_endpoints: ['update'], packages: ['update', 'delete'], package_features: ['delete'], subscriptions: ['update'],
  account_terms: ['update (applied)'], profiles: ['update'], provisional_accounts: ['update'], balance_thresholds: ['update', 'delete'],
  // Events and webhooks.
  events: ['delete'], told_lots: ['delete'], webhook_endpoints: ['update', 'delete'], webhook_deliveries: ['update'],
  webhook_cursor: ['update'],
  // Oversight.
  eviction_state: ['update'], refusals: ['update', 'delete'], changes: ['update (status)'], drift_findings: ['update'],
  reconcile_state: ['update'], shard_losses: ['update'], shard_marks: ['update'],
};

/** Sequences that a trigger advances with the application's rights. Those of identity columns need none. */
const SEQUENCES: readonly string[] = ['plan_versions'];

const EVERYWHERE: readonly string[] = ['select', 'insert'];
/** Which migrations ran, and which gateways are too old: the application's start looks (database-roles.ts). */
const READ_ONLY: readonly string[] = ['schema_migrations', 'schema_migrations_lock', 'schema_floor'];

type TableRights = { readonly table: string; readonly isPartition: boolean; readonly rights: readonly string[] };

/**
 * Functions with the owner's rights. Their search path ends with temporary tables, which otherwise come first and could stand in
 * for the tables that a function names; and only roles that are granted them may call them. Repeated at every run, because a
 * migration that replaces a function starts again from the defaults.
 */
const CLOSE_FUNCTIONS = `do $$
declare
  each text;
begin
  for each in select oid::regprocedure from pg_proc
               where pronamespace = current_schema()::regnamespace and prosecdef and pg_has_role(proowner, 'usage') loop
    execute format('alter function %s set search_path = %I, pg_temp', each, current_schema());
    execute format('revoke execute on function %s from public', each);
  end loop;
end $$`;

/**
 * Closes the functions, and gives every role that the default privileges of the owner name (deploy/postgres/roles.sql) exactly
 * the rights above, and the use of functions. `db` must be connected as the owner. Rights on a table that are right already are
 * not touched.
 */
export async function grantApplication(db: Db): Promise<void> {
  const { rows: roles } = await db.raw<{ rows: { name: string }[] }>(
    `select distinct pg_get_userbyid(acl.grantee) as name
       from pg_default_acl d cross join lateral aclexplode(d.defaclacl) acl
      where d.defaclrole = current_user::regrole and d.defaclnamespace = current_schema()::regnamespace and d.defaclobjtype = 'r'
        and acl.privilege_type = 'INSERT' and acl.grantee not in (0, d.defaclrole)`,
  );
  await db.raw(CLOSE_FUNCTIONS);
  for (const { name } of roles) await grantTo(db, name);
}

async function grantTo(db: Db, role: string): Promise<void> {
  const changes = (await readRights(db, role)).flatMap(({ table, isPartition, rights }) => {
    const wanted = wantedOf(table, isPartition);
    if ([...rights].sort().join() === [...wanted].sort().join()) return [];
    return [{ table, wanted }];
  });
  await db.transaction(async (trx) => {
    for (const { table, wanted } of changes) {
      await trx.raw('revoke all on table ?? from ??', [table, role]);
      await trx.raw(`grant ${wanted.join(', ')} on table ?? to ??`, [table, role]);
    }
    for (const sequence of SEQUENCES) await trx.raw('grant usage on sequence ?? to ??', [sequence, role]);
    await trx.raw(`do $$ begin
      execute format('grant execute on all routines in schema %I to %I', current_schema(), ${literal(role)});
    end $$`);
  });
}

/** The rights of the application's role on a table. */
function wantedOf(table: string, isPartition: boolean): readonly string[] {
  if (READ_ONLY.includes(table)) return ['select'];
  return isPartition ? EVERYWHERE : [...EVERYWHERE, ...BEYOND_INSERT[table] ?? []];
}

/** What a role may do to each table of the schema, as `grant` writes it. */
async function readRights(db: Db, role: string): Promise<readonly TableRights[]> {
  const { rows } = await db.raw<{ rows: TableRights[] }>(
    `select c.relname as "table", c.relispartition as "isPartition",
            (select coalesce(array_agg(lower(acl.privilege_type)), '{}') from aclexplode(c.relacl) acl
              where acl.grantee = r.oid)
            || (select coalesce(array_agg(format('%s (%s)', lower(acl.privilege_type), a.attname)), '{}')
                  from pg_attribute a cross join lateral aclexplode(a.attacl) acl
                 where a.attrelid = c.oid and acl.grantee = r.oid) as rights
       from pg_class c, pg_roles r
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and r.rolname = :role
        and pg_has_role(c.relowner, 'usage')`,
    { role },
  );
  return rows;
}

const literal = (text: string): string => `'${text.replaceAll('\'', '\'\'')}'`;
