import { join } from 'node:path';
import type { Config } from '../config.js';
import { locateServers } from '../stores/embedded/data-dir.js';
import { LOOPBACK } from '../stores/embedded/loopback-port.js';
import { openServerDirectory } from '../stores/embedded/server-directory.js';
import { startEmbedded } from '../stores/embedded/start-embedded.js';
import { apiProfile, connectPostgres, type Db } from '../stores/postgres/connect.js';
import { migrate } from '../stores/postgres/migrate.js';

export type CliDatabase = { readonly db: Db; close(): Promise<void> };

/** Role and database of the embedded Postgres (stores/embedded/postgres-server.ts). */
const EMBEDDED_NAME = 'credit_gateway';
/** A command may wait longer for a server than a request. */
const TIMEOUT_MS = 30_000;

/**
 * The gateway's Postgres for a command: the configured one, the embedded one of a running gateway, or an embedded one
 * that runs only as long as the command.
 */
export async function openDatabase({ databaseUrl, dataDir }: Config, progress: (line: string) => void): Promise<CliDatabase> {
  if (databaseUrl !== undefined) return connect(databaseUrl);
  const { url, started, stop } = await openEmbeddedPostgres(dataDir, progress);
  try {
    if (started) await migrate(url);
    return await connect(url, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

export type EmbeddedPostgres = { readonly url: string; readonly started: boolean; readonly stop: () => Promise<void> };

/** The embedded Postgres of a running gateway, or one that is started here, which `stop` ends. Does not migrate. */
export async function openEmbeddedPostgres(dataDir: string, progress: (line: string) => void): Promise<EmbeddedPostgres> {
  const running = await embeddedDatabaseUrl(dataDir, progress);
  if (running !== undefined) return { url: running, started: false, stop: () => Promise.resolve() };
  const { databaseUrl: url = '', stop } = await startEmbedded({ redis: false, postgres: true, dataDir, progress });
  return { url, started: true, stop };
}

async function connect(databaseUrl: string, stop: () => Promise<void> = () => Promise.resolve()): Promise<CliDatabase> {
  const db = connectPostgres(databaseUrl, apiProfile(TIMEOUT_MS));
  try {
    // A read-only command must not migrate a database that an older gateway uses.
    const { rows } = await db.raw<{ rows: { found: string | null }[] }>(`select to_regclass('price_counter')::text as found`);
    if (typeof rows[0]?.found !== 'string') {
      throw new Error('this database has no price books yet: start the gateway once, which creates them');
    }
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    db,
    close: async () => {
      await db.destroy();
      await stop();
    },
  };
}

/** The embedded Postgres of a running gateway. Undefined when the port does not answer: it may be the port of an earlier start. */
export async function embeddedDatabaseUrl(dataDir: string, progress: (line: string) => void): Promise<string | undefined> {
  const location = await locateServers(dataDir, progress);
  const { password, rememberedPort } = await openServerDirectory('postgres', join(location, 'postgres'));
  if (rememberedPort === undefined) return undefined;
  const url = `postgres://${EMBEDDED_NAME}:${password}@${LOOPBACK}:${rememberedPort}/${EMBEDDED_NAME}`;
  const db = connectPostgres(url, apiProfile(TIMEOUT_MS));
  try {
    await db.raw('select 1');
    return url;
  } catch {
    return undefined;
  } finally {
    await db.destroy();
  }
}
