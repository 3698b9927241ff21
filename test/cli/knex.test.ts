import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { startEmbedded } from '../../src/stores/embedded/start-embedded.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { readMigrations } from '../../src/stores/postgres/migration-files.js';
import { freshDatabase, temporaryFolder, type Folder, type FreshDatabase } from '../support/servers.js';

jest.setTimeout(300_000); // every command is a process or two, and one of them makes a database

/** The real commands, in a copy of what a start needs, so that `migrate:make` writes into no clone. */
let folder: Folder;
let database: FreshDatabase;
beforeAll(async () => {
  [folder, database] = [await temporaryFolder(), await freshDatabase()];
  const copied = ['package.json', 'dist/knexfile.js', 'dist/src', 'src/stores/postgres/migrations', 'deploy'];
  for (const each of copied) cpSync(join(projectRoot, each), join(folder.path, each), { recursive: true });
  symlinkSync(join(projectRoot, 'node_modules'), join(folder.path, 'node_modules'));
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

type Result = { readonly code: number; readonly out: string; readonly err: string };

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Result> {
  const child = spawn(process.execPath, args, { cwd: folder.path, env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString(); });
  const [code] = await once(child, 'close') as [number];
  return { code, out, err };
}

const knex = (...args: readonly string[]): Promise<Result> =>
  run(['dist/src/cli/knex.js', ...args], { DATABASE_URL: database.ownerUrl });

const released = readMigrations();
const last = released.at(-1)?.name ?? '';

describe('on DATABASE_URL', () => {
  test('status, latest, and status again', async () => {
    expect((await knex('migrate:status')).out).toContain(`Found ${released.length} Pending Migration`);
    expect(await knex('migrate:latest')).toMatchObject({
      code: 0, out: expect.stringContaining(`Batch 1 run: ${released.length} migrations`),
    });
    expect((await knex('migrate:status')).out).toMatch(/Found \d+ Completed[\s\S]*No Pending/);
    expect((await knex('migrate:latest')).out).toContain('Already up to date');
  });

  test('what has no down is refused with its reason', async () => {
    const down = released.find(({ name }) => name === '0001_ledger')?.down;
    const { code, err } = await knex('migrate:down', '0001_ledger');
    expect({
      code, err: err.includes(`0001_ledger has no down: ${down !== undefined && 'refusal' in down ? down.refusal : '?'}`),
    }).toEqual({ code: 1, err: true });
    expect(err).not.toContain(' at ');
  });

  test('a new one is made, run, undone, and run by a start', async () => {
    const number = String(Number(last.slice(0, 4)) + 1).padStart(4, '0');
    const name = `${number}_add_scratch`;
    const file = join('src/stores/postgres/migrations', `${name}.sql`);
    expect(await knex('migrate:make', 'add_scratch')).toEqual({ code: 0, out: `made ${file}\n`, err: '' });
    expect((await knex('migrate:latest')).err).toContain('has no statement below "-- up"');
    const path = join(folder.path, file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(
      '-- up\n', '-- up\ncreate table scratch (a jsonb);\ncreate index on scratch ((a ? \'b\'));',
    )
      .replace('-- down\n', '-- down\ndrop table scratch;'));
    expect((await knex('migrate:status')).out).toMatch(new RegExp(`Found 1 Pending[\\s\\S]*${name}`));
    expect((await knex('migrate:up')).out).toContain(name);
    expect((await knex('migrate:down')).out).toContain(name);
    expect((await knex('migrate:up', name)).out).toContain(name);
    expect((await knex('migrate:rollback')).out).toContain('rolled back: 1 migrations');
    const start = `import { migrate } from './dist/src/stores/postgres/migrate.js'; await migrate(process.env.DATABASE_URL, console.log)`;
    expect((await run(['--input-type=module', '-e', start], { DATABASE_URL: database.ownerUrl })).out).toBe(`${name}\n`);
    expect((await knex('migrate:status')).out).toContain('No Pending');
    await migrate(database.ownerUrl); // a gateway of before, next to the newer schema
  });

  test('Knex itself, on the compiled knexfile', async () => {
    const bare = await run(['node_modules/knex/bin/cli.js', '--knexfile', 'dist/knexfile.js', 'migrate:currentVersion'], {
      DATABASE_URL: database.ownerUrl,
    });
    expect(bare.out).toContain('Current Version');
  });

  test('a name that is none, or no command, changes nothing', async () => {
    expect(await knex('migrate:make', '../x')).toMatchObject({ code: 1, err: expect.stringContaining('is named in lower case') });
    expect(await knex('migrate:make')).toMatchObject({ code: 2, err: expect.stringContaining('usage:') });
    expect(await knex()).toMatchObject({ code: 2, err: expect.stringContaining('usage:') });
  });
});

test('without DATABASE_URL: the embedded Postgres, started for the command, or found when it runs', async () => {
  const env = { DATA_DIR: join(folder.path, 'data') };
  const first = await run(['dist/src/cli/knex.js', 'migrate:status'], env);
  expect(first).toMatchObject({ code: 0, out: expect.stringContaining('No Completed') });
  const bare = ['node_modules/knex/bin/cli.js', '--knexfile', 'dist/knexfile.js', 'migrate:status'];
  expect(await run(bare, env)).toMatchObject({ code: 1, err: expect.stringContaining('no embedded Postgres is running') });
  const embedded = await startEmbedded({ redis: false, postgres: true, dataDir: env.DATA_DIR, progress: () => undefined });
  try {
    expect(await run(['dist/src/cli/knex.js', 'migrate:latest'], env)).toMatchObject({
      code: 0, out: expect.stringContaining('Batch 1 run'),
    });
    expect((await run(bare, env)).out).toContain('No Pending');
    await migrate(embedded.migrationDatabaseUrl ?? '');
  } finally {
    await embedded.stop();
  }
});
