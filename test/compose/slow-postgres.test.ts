import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { until } from '../chaos/lab.js';
import { openCoreProcess } from '../support/core-process.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { adminUrlOf, asAdmin, freshDatabase, redisUrl, type FreshDatabase } from '../support/servers.js';

/** A gateway that starts while Postgres takes longer than POSTGRES_TIMEOUT_MS. */

/** What a start reads, in this order, with the table of each read. */
const READS = [
  ['opening the shards', 'shards'], ['reading the prices', 'price_counter'], ['reading the pools', 'pool_changes'],
] as const;
const TIMEOUT_MS = 120_000;

let database: FreshDatabase;
/** In front of Postgres. While it holds, it takes connections and passes nothing on. */
let relay: Server;
let holds = true;
const sockets = new Set<Socket>();
beforeAll(async () => {
  database = await freshDatabase(migrate);
  const { port, hostname } = new URL(database.databaseUrl);
  relay = createServer((client) => {
    const ends = holds ? [client] : [client, connect(Number(port), hostname)];
    for (const each of ends) {
      sockets.add(each);
      each.on('error', () => undefined).on('close', () => { for (const other of ends) other.destroy(); });
    }
    const [, server] = ends;
    if (server !== undefined) client.pipe(server).pipe(client);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
});
afterAll(async () => {
  for (const each of sockets) each.destroy();
  relay.close();
  await database.drop();
});

const relayedUrl = (): string => {
  const url = new URL(database.databaseUrl);
  url.host = `127.0.0.1:${(relay.address() as AddressInfo).port}`;
  return url.href;
};

/** Keeps everything from reading the table, until the returned function is called. */
async function lock(table: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: adminUrlOf(database.databaseUrl) });
  await client.connect();
  await client.query(`begin; lock table ${table} in access exclusive mode`);
  return () => client.end();
}

test('it waits, says once what for, without a stack, and starts when Postgres answers', async () => {
  const release = new Map<string, () => Promise<void>>();
  for (const [, table] of READS) release.set(table, await lock(table));
  const lines: string[] = [];
  const aboutStart = (): string[] =>
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg).filter((msg) => msg.includes('waiting for it'));
  let gateway: TestGateway | undefined;
  const starting = startGateway({
    databaseUrl: relayedUrl(), environment: { POSTGRES_TIMEOUT_MS: '500' }, onError: (line) => { lines.push(line); },
  }).then((started) => { gateway = started; });
  /** Ends at once when the start fails. */
  const said = (what: string): Promise<void> =>
    Promise.race([starting, until(`it waits: ${what}`, () => aboutStart().some((line) => line.startsWith(`${what}: `)))]);
  try {
    await said(READS[0][0]);
    holds = false;
    for (const [what, table] of READS) {
      await said(what);
      await release.get(table)?.();
      release.delete(table);
    }
    await starting;
    expect(aboutStart()).toEqual(READS.map(([what], index) =>
      `${what}: Postgres does not answer (${index === 0 ? 'no connection in time' : 'no answer in time'}): `
      + 'start it, or raise POSTGRES_TIMEOUT_MS if it is slow; waiting for it'));
    expect(lines.filter((line) => line.includes('waiting for it') && line.includes('"stack"'))).toEqual([]);
  } finally {
    for (const each of release.values()) await each();
    await starting.catch(() => undefined);
    await gateway?.stop();
  }
}, TIMEOUT_MS);

test('a role that may not read is refused at once: waiting does not help', async () => {
  const role = new URL(database.databaseUrl).username;
  await asAdmin(database.databaseUrl, `revoke all on price_counter from "${role}"`);
  await expect(openCoreProcess(redisUrl(), database.databaseUrl, 8)).rejects.toThrow('permission denied for table price_counter');
});
