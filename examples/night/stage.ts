import { randomBytes } from 'node:crypto';
import { startGatewayProcess, type GatewayProcess } from '../../bench/processes.js';
import { mintToken, type TokenClaims } from '../../src/edge/auth/mint-token.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis, type TestServer } from '../../test/support/servers.js';
import { startTraffic, type Traffic } from '../observability/traffic.js';
import type { Faults } from './night.js';

/** A gateway, a worker and their servers, under a gentle load. */
export type Stage = {
  readonly url: string;
  readonly apiPort: number;
  readonly workerPort: number;
  /** With these in its environment, a command speaks to this gateway. */
  readonly settings: Readonly<Record<string, string>>;
  readonly token: (claims: TokenClaims) => Promise<string>;
  readonly faults: Faults;
  /** Some twenty requests a second, until the stage is closed. */
  readonly startLoad: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const PAUSE_MS = 700;
const NAMESPACE = 'cg';
const TOKEN_TTL_SECONDS = 3_000;

/** Starts everything. `leaseSeconds` is that of every hold. */
export async function openStage(leaseSeconds: number): Promise<Stage> {
  const servers: TestServer[] = [];
  const processes: GatewayProcess[] = [];
  let traffic: Traffic | undefined;
  const close = async (): Promise<void> => {
    await traffic?.stop();
    await Promise.all(processes.map((each) => {
      process.kill(each.pid, 'SIGCONT'); // one that sleeps would not hear that it shall stop
      return each.stop();
    }));
    await Promise.all(servers.map((server) => server.discard()));
  };
  try {
    const redis = await throwawayRedis();
    servers.push(redis);
    const postgres = await throwawayPostgres();
    servers.push(postgres);
    await migrate(postgres.ownerUrl);
    const [secret, serverKey] = [randomBytes(32).toString('hex'), randomBytes(24).toString('hex')];
    const settings = {
      REDIS_URL: redis.url, DATABASE_URL: postgres.url, REDIS_NAMESPACE: NAMESPACE, JWT_ACCESS_SECRET: secret, SERVER_API_KEYS: serverKey,
      HOLD_TTL_SECONDS: String(leaseSeconds), LOG_LEVEL: 'info',
    };
    const start = async (role: 'api' | 'worker'): Promise<GatewayProcess> => {
      const started = await startGatewayProcess(role, settings, [], { quiet: true });
      processes.push(started);
      return started;
    };
    const [api, worker] = [await start('api'), await start('worker')];
    const url = `http://127.0.0.1:${api.port}`;
    return {
      url, apiPort: api.operationsPort, workerPort: worker.operationsPort, settings, close,
      token: (claims) => mintToken(secret, claims, TOKEN_TTL_SECONDS, Date.now()),
      faults: {
        stopWorker: () => { process.kill(worker.pid, 'SIGSTOP'); },
        wakeWorker: () => { process.kill(worker.pid, 'SIGCONT'); },
        stopPostgres: () => postgres.kill('SIGKILL'),
        startPostgres: () => postgres.restart(),
      },
      startLoad: async () => {
        traffic = await startTraffic({ url, redisUrl: redis.url, namespace: NAMESPACE, secret, serverKey, pauseMs: PAUSE_MS });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
