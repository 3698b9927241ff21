import { connect } from 'amqplib';
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCacheDir } from '../../src/stores/embedded/cache-dir.js';
import { debianPackages, librariesIn, packageDirectory } from '../../src/stores/embedded/debian-packages.js';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import { spawnServer, waitUntilReady, type ServerCommand, type ServerProcess } from '../../src/stores/embedded/server-process.js';
import { makePrivateDirectory, serviceUserOf } from '../../src/stores/embedded/service-user.js';
import { temporaryFolder } from './servers.js';

/** A RabbitMQ for one test file, on loopback, with its own ports and files. */
export type TestRabbit = {
  readonly url: string;
  /** Stops it cleanly and restarts it, on the same port and with its durable data. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** Stops it and its port mapper, and deletes its files. */
  readonly discard: () => Promise<void>;
};

/** A server script and its environment. `root` is '' for an installed server. */
type Found = { readonly script: string; readonly root: string; readonly epmd: string };

const READY_TIMEOUT_MS = 90_000;
const NODE = 'credits@localhost';

/** Starts a server, or returns the reason why none can be started: not installed, and no way to download it. */
export async function openRabbit(): Promise<TestRabbit | string> {
  try {
    return await startRabbit(await findRabbit());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(`\n*** RabbitMQ is missing: its tests are SKIPPED. ${reason}\n\n`);
    return reason;
  }
}

async function startRabbit({ script, root, epmd }: Found): Promise<TestRabbit> {
  const folder = await temporaryFolder();
  const user = await serviceUserOf('');
  const home = join(folder.path, 'rabbitmq');
  await makePrivateDirectory(home, user);
  const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()];
  const plugins = join(home, 'enabled_plugins');
  await writeFile(plugins, '[].\n', { mode: 0o644 });
  const environment = {
    HOME: home,
    PATH: [join(root, '/usr/lib/erlang/bin'), process.env['PATH'] ?? '/usr/bin:/bin'].join(':'),
    LD_LIBRARY_PATH: root === '' ? '' : (await librariesIn(root)).join(':'),
    ERL_CRASH_DUMP: '/dev/null', ERL_EPMD_PORT: String(mapper), ERL_EPMD_ADDRESS: LOOPBACK,
    RUNNING_UNDER_SYSTEMD: 'true', // makes the script replace itself with the server, so that signals reach it
    RABBITMQ_NODENAME: NODE, RABBITMQ_NODE_IP_ADDRESS: LOOPBACK, RABBITMQ_NODE_PORT: String(port), RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(home, 'mnesia'), RABBITMQ_LOG_BASE: join(home, 'log'), RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_CONFIG_FILE: join(home, 'none'), RABBITMQ_CONF_ENV_FILE: join(home, 'none'),
    // One scheduler of each kind that never spins: starting takes half the processor time of Erlang's defaults.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +SDcpu 1:1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none',
  };
  const command = (name: string, program: string, ...args: readonly string[]): ServerCommand => ({
    name, command: 'env', args: [...Object.entries(environment).map(([key, value]) => `${key}=${value}`), program, ...args], user,
    stopSignal: 'SIGTERM', logFile: join(folder.path, `${name}.log`),
  });
  const url = `amqp://guest:guest@${LOOPBACK}:${port}?heartbeat=10`;
  // The port mapper as a child of this process: RabbitMQ would leave one running.
  const mapperProcess = await spawnServer(command('epmd', epmd));
  let server: ServerProcess | undefined;
  const start = async (): Promise<void> => {
    const spec = command('rabbitmq', script);
    server = await spawnServer(spec);
    await waitUntilReady(spec, server, () => answers(url), READY_TIMEOUT_MS);
  };
  const stop = async (): Promise<void> => { await server?.stop(); };
  const discard = async (): Promise<void> => {
    await stop();
    await mapperProcess.stop();
    folder.remove();
  };
  try {
    await start();
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    url, start, stop, discard,
    restart: async () => {
      await stop();
      await start();
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await connect(url, { timeout: 2_000 })).close();
    return true;
  } catch {
    return false;
  }
}

async function findRabbit(): Promise<Found> {
  const [installed] = await scriptsIn('');
  const epmd = (await runCommand('sh', ['-c', 'command -v epmd'])).stdout.trim();
  if (installed !== undefined && epmd !== '') return { script: installed, root: '', epmd };
  const user = await serviceUserOf('');
  const cache = await openCacheDir(user);
  const target = join(cache, await packageDirectory('rabbitmq'));
  if ((await scriptsIn(target)).length === 0) await download(cache, target);
  const [script] = await scriptsIn(target);
  if (script === undefined) throw new Error(`there is no server in ${target}`);
  return { script, root: target, epmd: join(target, 'usr/lib/erlang/bin/epmd') };
}

/** The servers' own scripts: those in /usr/sbin require root. */
async function scriptsIn(root: string): Promise<string[]> {
  const base = `${root}/usr/lib/rabbitmq/lib`;
  const versions = await readdir(base).catch(() => []);
  const homebrew = root === '' ? ['/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server', '/usr/local/opt/rabbitmq/sbin/rabbitmq-server'] : [];
  const found = [
    ...versions.filter((name) => name.startsWith('rabbitmq_server-')).map((name) => join(base, name, 'sbin', 'rabbitmq-server')),
    ...homebrew,
  ];
  const present = await Promise.all(found.map(async (path) => (await readFile(path).catch(() => null)) !== null));
  return found.filter((_, index) => present[index]);
}

/**
 * Downloads what apt would install, checked by its signatures, and unpacks it into the cache of the embedded servers.
 * Nothing is installed, and root is not needed. Only Erlang's start script has to be changed: it names /usr/lib/erlang.
 */
async function download(cache: string, target: string): Promise<void> {
  process.stderr.write('rabbitmq: not installed here; downloading Debian\'s packages (once, about 35 MB, nothing is installed) ...\n');
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    await chmod(draft, 0o755);
    const packages = await debianPackages(draft);
    await packages.unpack(await packages.withDependencies('rabbitmq-server'), join(draft, 'root'));
    const erl = join(draft, 'root/usr/lib/erlang/bin/erl');
    await writeFile(erl, (await readFile(erl, 'utf8')).replaceAll('=/usr/lib/erlang', `=${target}/usr/lib/erlang`));
    await rm(target, { recursive: true, force: true });
    await rename(join(draft, 'root'), target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
