import { createServer } from 'node:http';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freePort, LOOPBACK } from '../../src/stores/embedded/loopback-port.js';
import { runCommand } from '../../src/stores/embedded/run-command.js';
import { spawnServer, waitUntilReady, type ServerCommand } from '../../src/stores/embedded/server-process.js';
import { makePrivateDirectory, serviceUserOf } from '../../src/stores/embedded/service-user.js';
import { fromDebian } from './prometheus.js';
import type { Folder } from './servers.js';

const READY_TIMEOUT_MS = 30_000;
const NAME = 'prometheus-alertmanager';

/** The path of Debian's Alertmanager, which is downloaded once, or the reason why there is none. */
export const findAlertmanager = async (): Promise<{ readonly path: string } | string> => fromDebian(NAME, async (pathOf) => {
  const path = await pathOf(NAME);
  const works = (await stat(path).catch(() => null)) !== null && (await runCommand(path, ['--version'])).ok;
  return works ? { path } : undefined;
}).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));

/** Where Debian's program looks for its templates, which is not where an unpacked package has them. */
const TEMPLATES = '/usr/share/prometheus/alertmanager';
/** Of the same length, because it takes the place of the other in the program: the folder that the program is started in. */
const WORKING_FOLDER = '/proc/self/cwd'.padEnd(TEMPLATES.length, '/.');

/** A copy of the program that finds its templates in its working folder. */
async function relocated(path: string, folder: Folder): Promise<string> {
  const copy = join(folder.path, NAME);
  const text = (await readFile(path)).toString('latin1').replaceAll(TEMPLATES, WORKING_FOLDER);
  await writeFile(copy, Buffer.from(text, 'latin1'), { mode: 0o755 });
  return copy;
}

/** Starts one on loopback, whose data is deleted with `folder`. `config`: its file's text. */
export async function startAlertmanager(path: string, folder: Folder, config: string) {
  const user = await serviceUserOf('');
  const data = join(folder.path, 'alertmanager');
  await makePrivateDirectory(data, user);
  const file = join(folder.path, 'alertmanager.yml');
  await writeFile(file, config);
  const program = await relocated(path, folder);
  const port = await freePort();
  const url = `http://${LOOPBACK}:${port}`;
  const command: ServerCommand = {
    name: NAME, command: '/bin/sh', user, stopSignal: 'SIGTERM', logFile: join(folder.path, 'alertmanager.log'),
    args: [
      '-c', 'cd "$1" && shift && exec "$@"', 'sh', join(dirname(path), '..', 'share', 'prometheus', 'alertmanager'), program,
      `--config.file=${file}`, `--storage.path=${join(data, 'data')}`, `--web.listen-address=${LOOPBACK}:${port}`,
      '--cluster.listen-address=', '--log.level=warn',
    ],
  };
  const server = await spawnServer(command);
  await waitUntilReady(command, server, () => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false), READY_TIMEOUT_MS);
  return { url, address: `${LOOPBACK}:${port}`, stop: server.stop };
}

/** An alert as a receiver is told of it, and by which of its paths. */
export type ToldAlert = {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

/** A webhook receiver on loopback: what it was told, in order. */
export async function startReceiver() {
  const told: ToldAlert[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => { parts.push(part); });
    request.on('end', () => {
      const { alerts } = JSON.parse(Buffer.concat(parts).toString()) as { readonly alerts: readonly Omit<ToldAlert, 'receiver'>[] };
      told.push(...alerts.map((alert) => ({ ...alert, receiver: (request.url ?? '').slice(1) })));
      response.end();
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => { server.listen(port, LOOPBACK, resolve); });
  return {
    url: `http://${LOOPBACK}:${port}`, told,
    stop: (): Promise<void> => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}
