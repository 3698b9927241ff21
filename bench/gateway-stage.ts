import { randomBytes } from 'node:crypto';
import { mintToken } from '../src/edge/auth/mint-token.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis, type TestRedis } from '../test/support/servers.js';
import { openLedgerView, type LedgerView } from './ledger-view.js';
import type { LoadGenerator } from './load/burst.js';
import { openLoad } from './load/open-load.js';
import { startGatewayProcess, type GatewayProcess } from './processes.js';

/** A gateway in its processes, with stores as in production, and what calls it. */
export type GatewayStage = {
  readonly redis: TestRedis;
  readonly api: GatewayProcess;
  readonly load: LoadGenerator;
  readonly view: LedgerView;
  /** Signs the tokens of its callers. */
  readonly secret: string;
  /** A token of an operator, for an hour. */
  readonly operator: string;
};

export type StageOptions = {
  readonly say: (line: string) => void;
  /** `all`: API and worker as `ROLE=all` starts them. Its errors are expected. By default each is a process of its own. */
  readonly role?: 'all';
};

const HOUR_SECONDS = 3_600;

/** Runs `work` on a stage, and ends all of it afterwards. No hold of a benchmark ends, so an account may have many. */
export async function onGatewayStage<Result>({ say, role }: StageOptions, work: (stage: GatewayStage) => Promise<Result>): Promise<Result> {
  const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
  const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
  const secret = randomBytes(32).toString('hex');
  const environment = {
    REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info', MAX_OPEN_HOLDS: '100000',
  };
  await migrate(postgres.ownerUrl, () => undefined);
  const worker = role === 'all' ? null : await startGatewayProcess('worker', environment);
  const api = await startGatewayProcess(role ?? 'api', environment, [], { quiet: role === 'all' });
  const load = await openLoad(say);
  const view = await openLedgerView(environment);
  try {
    const operator = await mintToken(secret, { sub: 'bench-operator', role: 'admin' }, HOUR_SECONDS, Date.now());
    return await work({ redis, api, load, view, secret, operator });
  } finally {
    await view.close();
    await Promise.all([load.stop(), api.stop()]);
    await worker?.stop();
    await redis.discard();
    await postgres.discard();
  }
}
