import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { locateServers } from '../embedded/data-dir.js';
import { connectPostgres, apiProfile, type Db } from '../postgres/connect.js';

/** How an embedded Postgres calls its role and its database (embedded/postgres-server.ts). */
const EMBEDDED_NAME = 'credit_gateway';

/** The configured Postgres, or the embedded one of a gateway that runs with this DATA_DIR. */
export async function openDatabase(config: Config): Promise<Db> {
  return connectPostgres(config.databaseUrl ?? await embeddedUrl(config.dataDir), apiProfile(config.postgresTimeoutMs));
}

async function embeddedUrl(dataDir: string): Promise<string> {
  const location = await locateServers(dataDir, () => undefined);
  try {
    const [password, port] = ['password', 'port'].map((name) => readFileSync(join(location, 'postgres', name), 'utf8').trim());
    return `postgres://${EMBEDDED_NAME}:${password ?? ''}@127.0.0.1:${port ?? ''}/${EMBEDDED_NAME}`;
  } catch (error) {
    throw new Error(`DATABASE_URL is not set, and no embedded Postgres was found in ${dataDir}: run "npm start" first`, { cause: error });
  }
}

/** Runs a command: its result goes to stdout, a failure with the usage to stderr, and nothing keeps the process alive. */
export async function runCli(usage: string, run: () => Promise<string>): Promise<void> {
  try {
    console.log(await run());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`\n${usage}`);
    process.exitCode = 1;
  }
}
