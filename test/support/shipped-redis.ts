import { Redis } from 'ioredis';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { freePort } from '../../src/stores/embedded/loopback-port.js';
import { findRedis } from '../../src/stores/embedded/redis-binary.js';
import { temporaryFolder } from './servers.js';

export type ShippedRedis = {
  readonly port: number;
  readonly gatewayPassword: string;
  readonly operatorPassword: string;
  readonly gatewayUrl: string;
  /** A connection as `operator`, who may do everything. Reconnects after a restart. */
  readonly operator: Redis;
  readonly pid: () => number;
  /** The access-control list given to Redis, with password digests. */
  readonly usersFile: string;
  /** The directory of the append-only file. */
  readonly dataDir: string;
  /** The whole log of Redis. */
  readonly log: () => string;
  /** SIGTERM stops it cleanly. Resolves when the process has ended. */
  readonly stop: (signal?: 'SIGTERM' | 'SIGKILL') => Promise<void>;
  /** Restarts it on its data, optionally with another users.acl. Resolves when it answers. */
  readonly start: (usersAcl?: string) => Promise<void>;
  readonly discard: () => Promise<void>;
};

const DEPLOYED = join(projectRoot, 'deploy/redis');
export const shippedUsers = (): string => readFileSync(join(DEPLOYED, 'users.acl'), 'utf8');
/** The users.acl of earlier releases, in which `default` has no rights. */
export const formerUsers = (): string => shippedUsers().replace(/^user default .*$/m, 'user default reset off');

/** Redis as docker-compose.yml starts it: by start-redis.sh, with its redis.conf and, by default, its users.acl. */
export async function shippedRedis(usersAcl = shippedUsers()): Promise<ShippedRedis> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const [gatewayPassword, operatorPassword] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const [deployed, dataDir, usersFile, logFile] = [
    'deploy', 'data', 'users.acl', 'redis.log',
  ].map((name) => join(folder.path, name)) as [string, string, string, string];
  const { command, args } = await findRedis({ user: undefined });
  // The image has redis-server on its PATH; here it may be a cached copy.
  writeFileSync(join(folder.path, 'redis-server'), `#!/bin/sh\nexec ${[command, ...args].map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(join(folder.path, 'redis-server'), 0o755);
  mkdirSync(dataDir);
  cpSync(DEPLOYED, deployed, { recursive: true });

  const urlOf = (user: string, password: string): string => `redis://${user}:${password}@127.0.0.1:${port}`;
  const operator = new Redis(urlOf('operator', operatorPassword), {
    lazyConnect: true, retryStrategy: () => 50, maxRetriesPerRequest: null,
  });
  operator.on('error', () => undefined); // while it is down
  let server: ChildProcess | undefined;

  const start = async (users = readFileSync(join(deployed, 'users.acl'), 'utf8')): Promise<void> => {
    writeFileSync(join(deployed, 'users.acl'), users);
    server = spawn('sh', [join(deployed, 'start-redis.sh'), '--port', String(port), '--bind', '127.0.0.1', '--logfile', logFile], {
      cwd: dataDir,
      env: {
        PATH: `${folder.path}:${process.env['PATH'] ?? ''}`, REDIS_PASSWORD: gatewayPassword,
        REDIS_OPERATOR_PASSWORD: operatorPassword, REDIS_USERS_FILE: usersFile,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (operator.status === 'wait') await operator.connect().catch(() => undefined);
    await operator.ping();
  };
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, 'exit');
  };
  await start(usersAcl);
  return {
    port, gatewayPassword, operatorPassword, operator, usersFile, dataDir, stop, start,
    gatewayUrl: urlOf('gateway', gatewayPassword),
    pid: () => server?.pid ?? 0,
    log: () => readFileSync(logFile, 'utf8'),
    discard: async () => {
      operator.disconnect();
      await stop();
      folder.remove();
    },
  };
}
