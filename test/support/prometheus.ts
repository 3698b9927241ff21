import { chmod, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openCacheDir } from '../../src/stores/embedded/cache-dir.js';
import { debianPackages, packageDirectory } from '../../src/stores/embedded/debian-packages.js';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { runCommand, type CommandResult } from '../../src/stores/embedded/run-command.js';
import { spawnServer, waitUntilReady, type ServerCommand } from '../../src/stores/embedded/server-process.js';
import { makePrivateDirectory, serviceUserOf } from '../../src/stores/embedded/service-user.js';
import type { Folder } from './servers.js';

/** Paths of Prometheus' two programs. */
export type Prometheus = { readonly server: string; readonly promtool: string };

/** A running Prometheus, on loopback. */
export type RunningPrometheus = { readonly url: string; readonly stop: () => Promise<void> };

const READY_TIMEOUT_MS = 30_000;
/** Rule tests take seconds, and longer on a busy machine. */
const PROMTOOL_TIMEOUT_MS = 120_000;
const PROGRAMS = ['prometheus', 'promtool'] as const;

/**
 * Finds the programs, or downloads Debian's package once without installing it. If neither works, it returns the reason
 * and prints a warning: tests that need Prometheus are then skipped. In CI, where apt works, that is an error: a check
 * that is skipped unnoticed is worse than none.
 */
export async function findPrometheus(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Prometheus | string> {
  const installed = await fromFolder(async (name) => (await runCommand('sh', ['-c', `command -v ${name}`])).stdout.trim());
  if (installed !== undefined) return installed;
  const hasApt = (await runCommand('apt-get', ['--version'])).ok;
  try {
    if (!hasApt) throw new Error('it is not installed, and there is no apt to fetch it with');
    return await unpacked();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (hasApt && environment['CI'] === 'true') throw error;
    process.stderr.write(`\n*** Prometheus is missing: what needs it is SKIPPED. ${reason}\n\n`);
    return reason;
  }
}

const unpacked = (): Promise<Prometheus> => fromDebian('prometheus', fromFolder);

/**
 * The programs of a Debian package, which is downloaded once without being installed. `find` gets a function that tells where
 * a program of the package is, and answers undefined where it does not work. Throws when there is no such package or program.
 */
export async function fromDebian<Found>(
  name: string, find: (pathOf: (program: string) => Promise<string>) => Promise<Found | undefined>,
): Promise<Found> {
  const cache = await openCacheDir(await serviceUserOf(''));
  const target = join(cache, await packageDirectory(name));
  const inTarget = (program: string): Promise<string> => Promise.resolve(join(target, 'usr', 'bin', program));
  const cached = await find(inTarget);
  if (cached !== undefined) return cached;
  process.stderr.write(
    `${name}: not installed here; downloading Debian's package (once, about 60 MB with the lists, nothing is installed) ...\n`,
  );
  const draft = await mkdtemp(join(cache, '.draft-'));
  try {
    await chmod(draft, 0o755);
    const root = join(draft, 'root');
    // Its dependencies are for its web pages; its programs only need the C library.
    await (await debianPackages(draft)).unpack([name], root);
    await rm(target, { recursive: true, force: true });
    await rename(root, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const found = await find(inTarget);
  if (found === undefined) throw new Error(`the package was unpacked into ${target}, but there is no working ${name} in it`);
  return found;
}

/** Both programs, if both exist and start. */
async function fromFolder(pathOf: (name: string) => Promise<string>): Promise<Prometheus | undefined> {
  const [server = '', promtool = ''] = await Promise.all(PROGRAMS.map(pathOf));
  const works = async (path: string): Promise<boolean> =>
    path !== '' && (await stat(path).catch(() => null)) !== null && (await runCommand(path, ['--version'])).ok;
  return (await works(server)) && (await works(promtool)) ? { server, promtool } : undefined;
}

/** Runs promtool in `folder`; paths in its files are relative to it. */
export const promtool = (programs: Prometheus, folder: string, ...args: readonly string[]): Promise<CommandResult> =>
  runCommand(programs.promtool, args, { cwd: folder, timeoutMs: PROMTOOL_TIMEOUT_MS });

/** Starts a server whose data is deleted with `folder`. */
export async function startPrometheus(programs: Prometheus, folder: Folder, configFile: string): Promise<RunningPrometheus> {
  const user = await serviceUserOf('');
  const data = join(folder.path, 'prometheus');
  await makePrivateDirectory(data, user);
  const port = await freePort();
  const url = `http://${LOOPBACK}:${port}`;
  const command: ServerCommand = {
    name: 'prometheus', command: programs.server, user, stopSignal: 'SIGTERM', logFile: join(folder.path, 'prometheus.log'),
    args: [
      `--config.file=${configFile}`, `--storage.tsdb.path=${join(data, 'tsdb')}`, `--web.listen-address=${LOOPBACK}:${port}`,
      '--web.console.templates=/nonexistent', '--web.console.libraries=/nonexistent', '--log.level=warn',
    ],
  };
  const server = await spawnServer(command);
  const isReady = (): Promise<boolean> => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false);
  await waitUntilReady(command, server, isReady, READY_TIMEOUT_MS);
  return { url, stop: server.stop };
}
