import { readMigrations } from '../../src/stores/postgres/migration-files.js';

/** The backfill of a migration, for empty tables: tests compare its result with what the drain writes. */
export function backfillOf(name: string): string {
  const up = readMigrations().find((migration) => migration.name === name)?.up ?? '';
  const part = /^-- begin backfill\n([\s\S]*?)^-- end backfill$/m.exec(up)?.[1];
  if (part === undefined) throw new Error(`${name} has no backfill`);
  return part;
}
