import { readMigrations } from '../../src/stores/postgres/migration-files.js';

/** The part of a migration that computes what was recorded before it, into empty tables: to compare with what the drain writes. */
export function backfillOf(name: string): string {
  const up = readMigrations().find((migration) => migration.name === name)?.up ?? '';
  const part = /^-- begin backfill\n([\s\S]*?)^-- end backfill$/m.exec(up)?.[1];
  if (part === undefined) throw new Error(`${name} has no backfill`);
  return part;
}
