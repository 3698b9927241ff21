import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openBooks, type Books } from '../support/books.js';
import { chatProxy, type ChatProxy } from '../support/chat-proxy.js';
import type { Finding } from '../support/finding.js';
import { patientClient, type PatientClient } from '../support/patient-client.js';
import { startProcesses, type GatewayProcesses } from '../support/processes.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestRedis } from '../support/servers.js';
import { nothingTold } from '../support/told.js';

/** A gateway in two processes over its own servers, with callers and an auditor. */
export type ChaosLab = {
  readonly redis: TestRedis;
  readonly postgres: TestPostgres;
  readonly processes: GatewayProcesses;
  readonly client: PatientClient;
  readonly proxy: ChatProxy;
  readonly books: Books;
  readonly accounts: readonly string[];
  tokenOf(accountId: string): string;
  readonly adminToken: string;
  /** Waits until everything is settled and audits. Returns only failed checks, so that a test expects none. */
  wrongs(): Promise<readonly Finding[]>;
  close(): Promise<void>;
};

/**
 * Redis writes to its file before it answers. With `everysec` a kill may lose writes that arrived during an fsync,
 * because Redis then delays them; tests that expect all of it would fail now and then.
 */
const REDIS = { appendfsync: 'always' };

export async function chaosLab(accountCount: number, environment: Readonly<Record<string, string>> = {}): Promise<ChaosLab> {
  const redis = await throwawayRedis(REDIS);
  const lab = await chaosLabOn(redis.url, accountCount, environment);
  return {
    ...lab, redis,
    async close() {
      await lab.close();
      await redis.discard();
    },
  };
}

/** The same over a Redis that the test starts and stops. */
export async function chaosLabOn(
  redisUrl: string, accountCount: number, environment: Readonly<Record<string, string>> = {},
): Promise<Omit<ChaosLab, 'redis'>> {
  const postgres = await throwawayPostgres();
  await migrate(postgres.ownerUrl);
  const processes = await startProcesses({ redisUrl, databaseUrl: postgres.url }, environment);
  const accounts = Array.from({ length: accountCount }, (_, index) => `user-${index + 1}`);
  const tokens = new Map(await Promise.all(accounts.map(async (accountId) =>
    [accountId, await processes.token({ sub: accountId })] as const)));
  const adminToken = await processes.token({ sub: 'operator', role: 'admin' });
  const tokenOf = (accountId: string): string => tokens.get(accountId) ?? '';
  const client = patientClient(processes.url);
  const proxy = chatProxy({ client, tokenOf, adminToken, told: nothingTold() });
  const books = openBooks(processes);
  return {
    postgres, processes, client, proxy, books, accounts, tokenOf, adminToken,
    async wrongs() {
      for (const accountId of accounts) await proxy.balance(accountId); // loads the accounts that Redis has lost
      await books.settled();
      return (await books.audit(proxy.told)).filter(({ wrongCount }) => wrongCount > 0);
    },
    async close() {
      await books.close();
      await processes.stop();
      await postgres.discard();
    },
  };
}

/** The checks that a failover may fail, by design: what the old master had answered and not replicated is lost. Money-in is in Postgres. */
export const MAY_MISS = [
  'every acknowledged session is there once, and ended as its caller was told',
  'every acknowledged charge is there once, under the id its caller was told',
  "every caller's own tally of granted and captured is the ledger's",
  // A session that was lost is not found by the end of it.
  'every answer was one that the contract allows',
];

const UNTIL_TIMEOUT_MS = 120_000;
const POLL_MS = 20;

/** Resolves when the condition holds; throws, naming what it waited for, after a long timeout. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = UNTIL_TIMEOUT_MS): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it never came: ${what}`);
    await sleep(POLL_MS);
  }
}
