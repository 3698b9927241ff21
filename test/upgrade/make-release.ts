/**
 * `npm run upgrade:fixture -- <name>`: data of this release, as test/fixtures/releases/<name> keeps it for the tests of later ones. To be
 * run once when a release is made. Needs `pg_dump` of the same major version as the embedded Postgres.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { projectRoot } from '../../src/kit/paths.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openBooks } from '../support/books.js';
import { startProcesses } from '../support/processes.js';
import { throwawayPostgres, throwawayRedis } from '../support/servers.js';
import { tellStory, type Kept, type KeptKey } from './story.js';

const [name] = process.argv.slice(2);
if (name === undefined || !/^[a-z0-9.-]+$/.test(name)) {
  process.stdout.write('usage: npm run upgrade:fixture -- <name of the release>\n');
  process.exit(2);
}

const [redis, postgres] = await Promise.all([throwawayRedis(), throwawayPostgres()]);
await migrate(postgres.ownerUrl);
const processes = await startProcesses({ redisUrl: redis.url, databaseUrl: postgres.url });
const { url, api, worker, namespace, shards } = processes;
const books = openBooks(processes);
const admin = await processes.token({ sub: 'operator', role: 'admin' });
const told = await tellStory({
  url: url(), admin, tokenOf: (sub) => processes.token({ sub }),
  drained: async () => { await books.settled(); },
  // What follows stays in Redis: the release has to drain what the one before has written.
  stopDraining: async () => { await worker.kill('SIGTERM'); },
});
await api.kill('SIGTERM');
await books.close();

const folder = join(projectRoot, 'test/fixtures/releases', name);
await mkdir(folder, { recursive: true });
const client = new Redis(redis.operatorUrl);
const keys: KeptKey[] = [];
for (const key of (await client.keys(`${namespace}:*`)).sort()) {
  const [dump, ttlMs] = [await client.dumpBuffer(key), await client.pttl(key)];
  keys.push({ key, ttlMs: Math.max(0, ttlMs), dump: dump.toString('base64') });
}
client.disconnect();
await writeFile(join(folder, 'redis.json.gz'), gzipSync(JSON.stringify(keys), { level: 9 }));
const { stdout } = await promisify(execFile)(
  'pg_dump', ['--no-owner', '--no-privileges', '--inserts', '--rows-per-insert=200', postgres.ownerUrl], { maxBuffer: 100_000_000 },
);
const sql = stdout.split('\n').filter((line) => !line.startsWith('\\') && !line.startsWith('--')).join('\n');
await writeFile(join(folder, 'postgres.sql.gz'), gzipSync(sql, { level: 9 }));
const kept: Kept = { ...told, atMs: Date.now(), namespace, shards };
await writeFile(join(folder, 'told.json'), `${JSON.stringify(kept, null, 1)}\n`);
await Promise.all([redis.discard(), postgres.discard()]);
process.stdout.write(`${folder}\n`);
process.exit();
