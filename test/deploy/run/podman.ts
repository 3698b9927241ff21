import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../src/kit/paths.js';
import { say, type Engine } from './engine.js';
import { eventually, outcomeOf, run } from './shell.js';
import { PROJECT } from './stack.js';
import { composeTwo, makeBases, makeStandIns, SERVICES, servicesWithoutRecipe } from './stand-ins.js';

/**
 * podman, with images built of Debian's packages and the command `docker` as a link to it: for Debian as root, where there is no
 * Docker and no registry of images. Everything but the packages is below one folder.
 */

const PACKAGES = ['podman', 'buildah', 'runc', 'conmon', 'netavark', 'aardvark-dns', 'iptables', 'tini', 'debootstrap'];
const HEALTH_EVERY_SECONDS = 3;
/** What RabbitMQ gets in docker-compose.yml. Without CAP_SYS_RESOURCE a container cannot have more than this process. */
const FILES_MAX = 65_536;
const PROCESSES = 4_096;

async function installTools(): Promise<void> {
  const { code } = await outcomeOf('dpkg', ['-s', ...PACKAGES]);
  if (code === 0) return;
  say(`  apt-get install ${PACKAGES.join(' ')} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES], { env });
}

/** Answers the environment in which podman keeps everything below the folder. `files`: how many files a container may open. */
async function configure(folder: string, files: number): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const runtime = join(folder, 'runc-as-docker');
  copyFileSync(join(projectRoot, 'test/deploy/stand-ins/runc-as-docker.py'), runtime);
  chmodSync(runtime, 0o755);
  // A kernel without nftables for iptables: the older form of the same command.
  rmSync(join(bin, 'iptables'), { force: true });
  if ((await outcomeOf('iptables', ['-t', 'nat', '-L', '-n'])).code !== 0) symlinkSync('/usr/sbin/iptables-legacy', join(bin, 'iptables'));
  writeFileSync(join(folder, 'containers.conf'), `[containers]
default_ulimits = ["nofile=${files}:${files}", "nproc=${PROCESSES}:${PROCESSES}"]
init_path = "/usr/bin/tini-static"
[engine]
runtime = "as-docker"
runtime_supports_json = ["as-docker"]
cgroup_manager = "cgroupfs"
events_logger = "file"
init_path = "/usr/bin/tini-static"
[engine.runtimes]
as-docker = ["${runtime}"]
[network]
network_backend = "netavark"
network_config_dir = "${join(folder, 'networks')}"
`);
  writeFileSync(join(folder, 'storage.conf'), `[storage]
driver = "overlay"
graphroot = "${join(folder, 'storage')}"
runroot = "${join(folder, 'run')}"
`);
  return {
    ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, CONTAINERS_CONF: join(folder, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'), DOCKER_HOST: `unix://${join(folder, 'podman.sock')}`,
    BUILDAH_ISOLATION: 'chroot', DOCKER_BUILDKIT: '0',
  };
}

/** The command `docker`: `docker compose` is Compose v2, which talks to podman's service, and everything else is podman. */
function linkDocker(folder: string, compose: string): void {
  writeFileSync(join(folder, 'bin', 'docker'), `#!/bin/sh
if [ "$1" = compose ]; then shift; exec ${compose} "$@"; fi
exec podman "$@"
`, { mode: 0o755 });
}

/** Starts a program that lives until `stop`, in a process group of its own. */
function background(folder: string, name: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv): () => void {
  const log = openSync(join(folder, `${name}.log`), 'w');
  const child = spawn(program, args, { env, stdio: ['ignore', log, log], detached: true });
  const stop = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid);
    } catch { /* it has ended */ }
  };
  process.once('exit', stop);
  return stop;
}

/** podman starts three programs for each health check, which takes seconds on a busy machine and counts towards the check's time. */
const PATIENT = { healthcheck: { timeout: '30s' } };

/** Docker's engine runs health checks by itself; podman leaves them to systemd's timers, which a container or a chroot does not have. */
const HEALTH_LOOP = `while :; do
  for each in $(podman ps -q --filter label=com.docker.compose.project=${PROJECT}); do timeout 60 podman healthcheck run $each; done
  sleep ${HEALTH_EVERY_SECONDS}
done`;

/** Takes about five minutes the first time and seconds after that. */
export async function podmanEngine(folder: string): Promise<Engine> {
  if (process.getuid?.() !== 0) {
    throw new Error('Docker with Compose v2 does not answer. Start it, or run this as root on Debian, with podman.');
  }
  say(`Docker does not answer: podman, below ${folder}, with images made of Debian's packages`);
  mkdirSync(folder, { recursive: true });
  await installTools();
  const files = Math.min(FILES_MAX, Number(await run('sh', ['-c', 'ulimit -Hn'])) || FILES_MAX);
  const env = await configure(folder, files);
  await makeBases(folder, env);
  linkDocker(folder, await composeTwo(folder));
  const standIns = await makeStandIns(folder, env);
  const socket = join(folder, 'podman.sock');
  rmSync(socket, { force: true });
  const stops = [
    background(folder, 'service', 'podman', ['system', 'service', '--time=0', `unix://${socket}`], env),
    background(folder, 'health', 'sh', ['-c', HEALTH_LOOP], env),
  ];
  await eventually('podman\'s service', 20_000, () => Promise.resolve(existsSync(socket) ? true : undefined));
  return {
    name: `${await run('podman', ['--version'], { env })}, Compose ${await run('docker', ['compose', 'version', '--short'], { env })}`,
    env, leftOut: servicesWithoutRecipe(), standIns,
    changes: {
      ...Object.fromEntries(['gateway', 'worker', ...SERVICES].map((name) => [name, PATIENT])),
      rabbitmq: { ...PATIENT, ulimits: { nofile: files, nproc: PROCESSES } },
    },
    close: () => { for (const stop of stops) stop(); },
  };
}
