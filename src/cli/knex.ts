import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { readDatabaseConfig } from '../config.js';
import { projectRoot } from '../kit/paths.js';
import { makeMigration } from '../stores/postgres/migration-files.js';
import { openEmbeddedPostgres } from './database.js';
import { printError, say, UsageError } from './output.js';

/**
 * `npm run knex -- migrate:status` and the like: Knex' own command line with this project's knexfile; without
 * MIGRATION_DATABASE_URL or DATABASE_URL over an embedded Postgres that runs only as long as the command. `migrate:make` is
 * implemented here:
 * Knex would number the file by the clock.
 */

const USAGE = `usage: npm run knex -- migrate:status
       npm run knex -- migrate:latest
       npm run knex -- migrate:up [name] | migrate:down [name] | migrate:rollback
       npm run knex -- migrate:make <name>

The database is MIGRATION_DATABASE_URL, DATABASE_URL or, without both, the embedded one. Migrations are described in docs/migrations.md.`;

const KNEX = createRequire(import.meta.url).resolve('knex/bin/cli.js');

const [command, ...args] = process.argv.slice(2);

try {
  if (command === undefined) throw new UsageError(USAGE);
  if (command === 'migrate:make') {
    const [words, ...others] = args;
    if (words === undefined || others.length > 0) throw new UsageError(USAGE);
    console.log(`made ${relative(projectRoot, makeMigration(words))}`);
  } else process.exitCode = await (command.startsWith('migrate:') ? withPostgres(runKnex) : runKnex());
} catch (error) {
  printError(error, 'npm run knex --', false);
}

async function withPostgres<T>(work: () => Promise<T>): Promise<T> {
  const { migrationDatabaseUrl, databaseUrl, dataDir } = readDatabaseConfig();
  if (migrationDatabaseUrl !== undefined || databaseUrl !== undefined) return work();
  const { stop } = await openEmbeddedPostgres(resolve(projectRoot, dataDir), say);
  try {
    return await work();
  } finally {
    await stop();
  }
}

/** Resolves with the exit code. Knex exits by itself, so it runs in a child process, which gets this database's address. */
async function runKnex(): Promise<number> {
  const dist = join(projectRoot, 'dist');
  const options = { cwd: dist, stdio: 'inherit' } as const;
  const child = spawn(process.execPath, [KNEX, '--knexfile', join(dist, 'knexfile.js'), ...process.argv.slice(2)], options);
  const [code] = await once(child, 'close') as [number | null];
  return code ?? 1;
}
