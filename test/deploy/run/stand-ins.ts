import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '../../../src/kit/paths.js';
import { say } from './engine.js';
import { outcomeOf, run } from './shell.js';

/**
 * Images made of Debian's packages, under the names of the published ones, for machines without access to a registry of images:
 * test/deploy/stand-ins has a Dockerfile for each.
 */

const RECIPES = join(projectRoot, 'test', 'deploy', 'stand-ins');
const RELEASES = ['bookworm', 'trixie'];
/** The services of docker-compose.yml that have a recipe. There is no package of Grafana. */
export const SERVICES = ['redis', 'postgres', 'rabbitmq', 'prometheus', 'alertmanager'];
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const BUILD_MS = 900_000;
const NPM_MAJOR = 11;

type Compose = { readonly services: Readonly<Record<string, { readonly image: string }>> };
const compose = (): Compose => parse(readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose;

/** The images by their full names, as podman looks for them. */
export const fullName = (image: string): string => (image.includes('/') ? `docker.io/${image}` : `docker.io/library/${image}`);

export const servicesWithoutRecipe = (): string[] =>
  Object.keys(compose().services).filter((name) => !['gateway', 'worker', 'migrate', ...SERVICES].includes(name));

/** Debian releases by debootstrap, from its own mirror, each once. */
export async function makeBases(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  for (const release of RELEASES) {
    const image = `localhost/debian:${release}`;
    if ((await outcomeOf('podman', ['image', 'exists', image], { env })).code === 0) continue;
    const root = join(folder, 'roots', release);
    say(`  Debian ${release}: debootstrap, about a minute ...`);
    if (!existsSync(join(root, '.complete'))) {
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root, { recursive: true });
      await run('debootstrap', ['--variant=minbase', release, root], { timeoutMs: BUILD_MS });
      // Packages must not start their services while an image is built.
      writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
      writeFileSync(join(root, '.complete'), '');
    }
    const importRoot = 'tar -C "$1" --exclude ./.complete -c . | podman import - "$2"';
    await run('sh', ['-c', importRoot, 'sh', root, image], { env, timeoutMs: BUILD_MS });
  }
}

/** Compose v2 from Debian 13, which also runs on Debian 12. Answers its program. */
export async function composeTwo(folder: string): Promise<string> {
  const program = join(folder, 'compose', 'usr/libexec/docker/cli-plugins/docker-compose');
  if (existsSync(program)) return program;
  say('  Compose v2: from the packages of Debian trixie ...');
  const root = join(folder, 'roots', 'trixie');
  await run('chroot', [root, 'sh', '-c', 'apt-get update && cd /tmp && apt-get download docker-compose'], { timeoutMs: BUILD_MS });
  await run('sh', ['-c', 'dpkg -x "$1"/tmp/docker-compose_*.deb "$2"', 'sh', root, join(folder, 'compose')]);
  return program;
}

/** Builds below `context`. podman needs no access to a registry for it. */
export const build = (image: string, context: string, env: NodeJS.ProcessEnv): Promise<string> => run(
  'podman',
  ['build', '--quiet', '--format', 'docker', '--pull=never', '--isolation', 'chroot', '--network', 'host', '--tag', image, context],
  { env, timeoutMs: BUILD_MS },
);

/** The base image of the Dockerfile: Node of the version that it names. */
async function makeNode(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const version = /^ARG NODE_VERSION=(\S+)$/m.exec(readFileSync(join(projectRoot, 'Dockerfile'), 'utf8'))?.[1] ?? '';
  const image = fullName(`node:${version}-bookworm-slim`);
  const context = join(folder, 'images', 'node');
  if ((await outcomeOf('podman', ['image', 'exists', image], { env })).code === 0) return image;
  say(`  ${image}: Node ${version} from npm ...`);
  const packages = join(context, 'packages');
  mkdirSync(packages, { recursive: true });
  const nodePackage = `node-linux-${process.arch}`;
  await run('npm', ['install', '--prefix', packages, '--no-save', '--ignore-scripts', `${nodePackage}@~${version}.0`, `npm@${NPM_MAJOR}`], {
    cwd: packages, timeoutMs: BUILD_MS,
  });
  copyFileSync(join(RECIPES, 'node', 'Dockerfile'), join(context, 'Dockerfile'));
  copyFileSync(join(packages, 'node_modules', nodePackage, 'bin/node'), join(context, 'node'));
  cpSync(join(packages, 'node_modules/npm'), join(context, 'npm'), { recursive: true });
  rmSync(packages, { recursive: true });
  copyFileSync(AUTHORITIES, join(context, 'ca-certificates.crt'));
  await build(image, context, env);
  return image;
}

/** Builds what is missing, and answers a line for each: which image it stands in for. */
export async function makeStandIns(folder: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const made = [`${await makeNode(folder, env)}: Node from npm on Debian bookworm`];
  for (const name of SERVICES) {
    const image = fullName(compose().services[name]?.image ?? '');
    if ((await outcomeOf('podman', ['image', 'exists', image], { env })).code !== 0) {
      say(`  ${image} ...`);
      await build(image, join(RECIPES, name), env);
    }
    const recipe = readFileSync(join(RECIPES, name, 'Dockerfile'), 'utf8');
    made.push(`${image}: ${/^# Stands in for [^:]+(?::\S*)?: ([^.]*\.?\d*)/m.exec(recipe)?.[1] ?? 'a package of Debian'}`);
  }
  return made;
}
