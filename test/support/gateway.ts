import { randomBytes, randomUUID } from 'node:crypto';
import { openGateway } from '../../src/compose/gateway.js';
import { readConfig } from '../../src/config.js';
import { mintToken, type TokenClaims } from '../../src/edge/auth/mint-token.js';
import { createLog } from '../../src/kit/log.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { freshDatabase, redisUrl } from './servers.js';
import { locationOf, redisSettings } from './redis-address.js';

export type TestGateway = {
  readonly url: string;
  /** Where metrics and readiness in detail are. */
  readonly operationsUrl: string;
  readonly databaseUrl: string;
  readonly redisNamespace: string;
  token(claims: TokenClaims): Promise<string>;
  /** Moves the gateway's time and Redis' clock in the scripts. Tokens do not age with it. */
  advance(ms: number): void;
  stop(): Promise<void>;
};

export type TestGatewayOptions = {
  /** Servers of its own, for tests that stop them. */
  readonly redisUrl?: string;
  readonly databaseUrl?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its time begins: what `advance` adds to. */
  readonly offsetMs?: number;
  /** As in GatewayDeps; 0 by default, so that a scrape tells what has just happened. */
  readonly metricsFreshMs?: number;
  /** Receives each line of its log of level error; by default there is none. */
  readonly onError?: (line: string) => void;
};

/** Long deadlines, because a slow machine must not fail a test; a test about a hanging server sets its own. */
export const PATIENCE = { REDIS_TIMEOUT_MS: '5000', POSTGRES_TIMEOUT_MS: '20000' };

/** No limits of rates: a fast machine must not fail a test either. A test about them sets its own. */
export const ANY_RATE = {
  RATE_LIMIT_KEY: 'off', RATE_LIMIT_KEY_WRITES: 'off', RATE_LIMIT_USER: 'off', RATE_LIMIT_USER_WRITES: 'off',
  RATE_LIMIT_ADDRESS: 'off', RATE_LIMIT_FAILED_AUTH: 'off', RATE_LIMIT_ZERO_AMOUNT: 'off',
  RATE_LIMIT_UNCHARGED: 'off', RATE_LIMIT_METADATA: 'off',
};

/** The whole gateway in this process, API and worker, over real HTTP, with its own database and namespace. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const secret = randomBytes(32).toString('hex');
  const database = options.databaseUrl === undefined ? await freshDatabase(migrate) : null;
  const onRedis = options.redisUrl ?? redisUrl();
  const databaseUrl = options.databaseUrl ?? database?.databaseUrl ?? '';
  const redisNamespace = `g${randomUUID().slice(0, 8)}`;
  let { offsetMs = 0 } = options;
  const config = readConfig({
    JWT_ACCESS_SECRET: secret, ...redisSettings(onRedis), DATABASE_URL: databaseUrl,
    REDIS_NAMESPACE: redisNamespace, PORT: '0', HOST: '127.0.0.1', OPERATIONS_PORT: '0', SHARDS: '8',
    ...PATIENCE, ...ANY_RATE, ...options.environment,
  });
  const gateway = await openGateway({
    config, role: 'all', servers: { redis: config.redis ?? locationOf(onRedis), databaseUrl },
    version: 'test', metricsFreshMs: options.metricsFreshMs ?? 0,
    log: options.onError === undefined ? createLog({ level: 'silent' }) : createLog({ level: 'error' }, { write: options.onError }),
    time: { clock: () => Date.now() + offsetMs, offsetMs: () => offsetMs },
  });
  return {
    url: `http://127.0.0.1:${gateway.port ?? 0}`,
    operationsUrl: `http://127.0.0.1:${gateway.operationsPort ?? 0}`,
    databaseUrl,
    redisNamespace,
    token: (claims) => mintToken(secret, claims, 600, Date.now()),
    advance: (ms) => { offsetMs += ms; },
    stop: async () => {
      await gateway.close();
      await database?.drop();
    },
  };
}
