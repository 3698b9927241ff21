import { connect } from 'node:net';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { superviseServer, type DeathListener, type EmbeddedServer } from './embedded-server.js';
import { freePort, LOOPBACK } from './loopback-port.js';
import { findRedis } from './redis-binary.js';
import { redisUsers } from './redis-users.js';
import { openServerDirectory, passwordOf, rememberPort, writeSecret } from './server-directory.js';
import { spawnServer, waitUntilReady, type ServerCommand } from './server-process.js';
import { makePrivateDirectory } from './service-user.js';

export type RedisServerOptions = {
  /** Created if it does not exist. One server per directory. */
  readonly dir: string;
  /** By default the port of the last start, or a free one. */
  readonly port?: number;
  /** redis.conf directives in addition to the defaults, such as `{ appendfsync: 'always' }`. */
  readonly extraConfig?: Readonly<Record<string, string>>;
  /** Of the gateway's keys, as in `RedisUsers`. */
  readonly namespace: string;
  /** The redis-server to prefer to all others. */
  readonly binary?: string | undefined;
  /** The directory for a downloaded Redis; see cache-dir.ts. */
  readonly cacheDir?: string | undefined;
  readonly progress?: (line: string) => void;
  readonly onDeath?: DeathListener | undefined;
};

/** A large append-only file is replayed before the first PING is answered: about 1 GB in this time. */
const READY_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 1_000;

/** `url` is the gateway's, with the rights of deploy/redis/users.acl. */
export type RedisServer = EmbeddedServer & {
  /** May do everything: for tests. */
  readonly operatorUrl: string;
};

/** The user of deploy/redis/users.acl. */
const USER = 'gateway';

/** The address of a server in `dir` that may be running. Undefined: none was ever started there. */
export async function rememberedRedis(dir: string): Promise<string | undefined> {
  const { password, rememberedPort } = await openServerDirectory('redis', dir);
  return rememberedPort === undefined ? undefined : urlOf(USER, password, rememberedPort);
}

/** Starts Redis in `dir` on loopback, with its users and an append-only file, and waits until it answers. */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const { dir, namespace, binary: preferred, cacheDir, progress, onDeath, extraConfig = {} } = options;
  const home = await openServerDirectory('redis', dir);
  const binary = await findRedis({ user: home.user, preferred, cacheDir, progress });
  await makePrivateDirectory(home.dataDir, home.user);
  const port = options.port ?? (await freePort(home.rememberedPort));
  await rememberPort(home, port);

  const configFile = join(home.path, 'redis.conf'); // a file, because every user can read a command line
  const usersFile = join(home.path, 'users.acl');
  const operatorPassword = await passwordOf(home, 'operator');
  await writeSecret(usersFile, redisUsers({ gatewayPassword: home.password, operatorPassword, namespace }), home.user);
  await writeSecret(configFile, redisConfig({ dataDir: home.dataDir, port, usersFile, extraConfig }), home.user);
  const spec: ServerCommand = {
    name: 'redis',
    command: binary.command,
    args: [...binary.args, configFile],
    user: home.user,
    stopSignal: 'SIGTERM', // not SIGINT: at a second one Redis exits without flushing
    logFile: home.logFile,
  };
  const server = await superviseServer({
    name: 'redis',
    url: urlOf(USER, home.password, port),
    port,
    description: `${binary.version}, ${binary.origin}${home.user === undefined ? '' : `, as ${home.user.name}`}`,
    logFile: home.logFile,
    onDeath,
    launch: async () => {
      if ((await freePort(port)) !== port) {
        throw new EmbeddedError('starting redis', `port ${port} is taken by another process`);
      }
      const server = await spawnServer(spec);
      await waitUntilReady(spec, server, () => answersPing(port, home.password), READY_TIMEOUT_MS);
      return server;
    },
  });
  return Object.assign(server, { operatorUrl: urlOf('operator', operatorPassword, port) });
}

const urlOf = (user: string, password: string, port: number): string => `redis://${user}:${password}@${LOOPBACK}:${port}`;

type RedisConfig = { dataDir: string; port: number; usersFile: string; extraConfig: Readonly<Record<string, string>> };

function redisConfig({ dataDir, port, usersFile, extraConfig }: RedisConfig): string {
  const directives: Readonly<Record<string, string>> = {
    bind: LOOPBACK,
    port: String(port),
    'protected-mode': 'yes',
    aclfile: quoted(usersFile),
    dir: quoted(dataDir),
    daemonize: 'no',
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '""', // the append-only file is the only copy; additional snapshots would only cost memory
    'maxmemory-policy': 'noeviction', // an evicted key would be lost money
    // see deploy/redis/redis.conf
    'hash-max-listpack-value': '1024',
    'zset-max-listpack-entries': '32',
    ...extraConfig,
  };
  return Object.entries(directives).map(([name, value]) => `${name} ${value}\n`).join('');
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** Redis answers -LOADING until its data is read; +PONG means that it serves. */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(port, LOOPBACK, () => { socket.end(`AUTH ${USER} ${password}\r\nPING\r\n`); });
    socket.setTimeout(PING_TIMEOUT_MS, () => { socket.destroy(); });
    socket.on('data', (chunk: Buffer) => { reply += chunk.toString(); });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => { resolve(reply.includes('+PONG')); });
  });
}
