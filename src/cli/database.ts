import { join } from 'node:path';
import type { Config } from '../config.js';
import { locateServers } from '../stores/embedded/data-dir.js';
import { rememberedPostgres } from '../stores/embedded/postgres-server.js';
import { startEmbedded } from '../stores/embedded/start-embedded.js';
import { apiProfile, connectPostgres, type Db } from '../stores/postgres/connect.js';
import { migrate } from '../stores/postgres/migrate.js';

export type CliDatabase = { readonly db: Db; readonly close: () => Promise<void> };

/** A command may wait longer for a server than a request. */
const TIMEOUT_MS = 30_000;

/**
 * The gateway's Postgres for a command: the configured one, the embedded one of a running gateway, or an embedded one
 * that runs only as long as the command.
 */
export async function openDatabase({ databaseUrl, dataDir }: Config, progress: (line: string) => void): Promise<CliDatabase> {
  if (databaseUrl !== undefined) return connect(databaseUrl);
  const { url, ownerUrl, started, stop } = await openEmbeddedPostgres(dataDir, progress);
  try {
    if (started) await migrate(ownerUrl);
    return await connect(url, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs `work` over that database, and closes it afterwards. */
export async function withDatabase<T>(config: Config, progress: (line: string) => void, work: (db: Db) => Promise<T>): Promise<T> {
  const { db, close } = await openDatabase(config, progress);
  try {
    return await work(db);
  } finally {
    await close();
  }
}

export type EmbeddedPostgres = {
  readonly url: string;
  /** For migrations. */
  readonly ownerUrl: string;
  readonly started: boolean;
  readonly stop: () => Promise<void>;
};

/** The embedded Postgres of a running gateway, or one that is started here, which `stop` ends. Does not migrate. */
export async function openEmbeddedPostgres(dataDir: string, progress: (line: string) => void): Promise<EmbeddedPostgres> {
  const running = await runningPostgres(dataDir, progress);
  if (running !== undefined) return { ...running, started: false, stop: () => Promise.resolve() };
  const { databaseUrl: url = '', migrationDatabaseUrl: ownerUrl = '', stop } = await startEmbedded({
    redis: false, postgres: true, dataDir, progress,
  });
  return { url, ownerUrl, started: true, stop };
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
export async function runningPostgres(
  dataDir: string, progress: (line: string) => void,
): Promise<{ readonly url: string; readonly ownerUrl: string } | undefined> {
  const remembered = await rememberedPostgres(join(await locateServers(dataDir, progress), 'postgres'));
  if (remembered === undefined) return undefined;
  const db = connectPostgres(remembered.url, apiProfile(TIMEOUT_MS));
  try {
    await db.raw('select 1');
    return remembered;
  } catch {
    return undefined;
  } finally {
    await db.destroy();
  }
}
