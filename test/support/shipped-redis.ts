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
  /** As `operator`, who may do everything. Reconnects after a restart. */
  readonly operator: Redis;
  readonly pid: () => number;
  /** The access-control list that Redis was given, with digests in it. */
  readonly usersFile: string;
  /** Where the append-only file is. */
  readonly dataDir: string;
  /** All that Redis has logged. */
  readonly log: () => string;
  /** SIGTERM is a clean stop. Resolves when the process is gone. */
  readonly stop: (signal?: 'SIGTERM' | 'SIGKILL') => Promise<void>;
  /** Starts it again on its data, optionally with another users.acl. Resolves when it answers. */
  readonly start: (usersAcl?: string) => Promise<void>;
  readonly discard: () => Promise<void>;
};

const DEPLOYED = join(projectRoot, 'deploy/redis');
export const shippedUsers = (): string => readFileSync(join(DEPLOYED, 'users.acl'), 'utf8');
/** The list of earlier releases, whose `default` may do nothing. */
export const formerUsers = (): string => shippedUsers().replace(/^user default .*$/m, 'user default reset off');

/** Redis as docker-compose.yml starts it: by start-redis.sh, with its redis.conf and a users.acl, by default its own. */
export async function shippedRedis(usersAcl = shippedUsers()): Promise<ShippedRedis> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const [gatewayPassword, operatorPassword] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
  const [deployed, dataDir, usersFile, logFile] = [
    'deploy', 'data', 'users.acl', 'redis.log',
  ].map((name) => join(folder.path, name)) as [string, string, string, string];
  const { command, args } = await findRedis({ user: undefined });
  // The image has redis-server on its PATH; here it may be a copy in a cache.
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
