import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { projectRoot } from '../../../src/kit/paths.js';
import { freePort } from '../../../src/stores/embedded/loopback-port.js';
import type { Engine } from './engine.js';
import { eventually, outcomeOf, run, type Ended, type RunOptions } from './shell.js';

/** Not the project of .env.example: a gateway that runs on this machine, and its data, must not be touched. */
export const PROJECT = 'credit-gateway-verify';
const IMAGE = `${PROJECT}:verify`;
const OWN_SERVICES = ['gateway', 'worker', 'migrate'];
const SCRIPT_MS = 1_800_000;
const CONTAINER_LINE = '{{.Name}} {{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} '
  + '{{if .State.Health}}{{.State.Health.Status}}{{end}}';

export type Container = { readonly name: string; readonly service: string; readonly state: string; readonly health: string };

/** A checkout with the stack of docker-compose.yml, in a compose project of its own. */
export type Stack = {
  readonly engine: Engine;
  readonly folder: string;
  readonly image: string;
  readonly url: string;
  /** The command `docker` in the checkout. Throws what it wrote when it fails. */
  readonly docker: (args: readonly string[], options?: RunOptions) => Promise<string>;
  readonly outcome: (args: readonly string[]) => Promise<Ended>;
  /** A program in the container of a service. */
  readonly exec: (service: string, ...command: readonly string[]) => Promise<string>;
  /** Lines of the documentation, as bash, with the names and ports of this project. */
  readonly lines: (script: string) => Promise<string>;
  readonly containers: () => Promise<readonly Container[]>;
  /** Removes what an earlier run left. */
  readonly clear: () => Promise<void>;
  /** Waits until all services are up and healthy. Answers how many there are. */
  readonly healthy: (withinMs?: number) => Promise<number>;
  readonly discard: () => Promise<void>;
};

/** The `index`th block of shell lines after a heading, or another text, of a document. */
export function linesOf(document: string, after: string, index = 0): string {
  const text = readFileSync(join(projectRoot, document), 'utf8');
  const from = text.indexOf(after);
  if (from < 0) throw new Error(`${document} has no "${after}"`);
  const block = [...text.slice(from).matchAll(/^```sh\n([\s\S]*?)^```$/gm)][index]?.[1];
  if (block === undefined) throw new Error(`${document} has no lines ${index + 1} after "${after}"`);
  return block;
}

/** The files of the clone, changes included, as a checkout under umask 077 has them: readable by their owner only. */
async function checkout(folder: string): Promise<void> {
  await run('bash', ['-euo', 'pipefail', '-c', `umask 077
    git ls-files -z --cached --others --exclude-standard |
    xargs -0 sh -c 'for each; do [ ! -e "$each" ] || printf "%s\\0" "$each"; done' sh |
    tar --null --no-recursion -T - -c | tar --no-same-owner --no-same-permissions -x -C "$1"`, 'sh', folder], { cwd: projectRoot });
}

function writeOverride(folder: string, { leftOut, changes }: Engine): string {
  const file = join(folder, 'verify.override.yml');
  writeFileSync(file, stringify({
    services: {
      ...changes, ...Object.fromEntries(OWN_SERVICES.map((name) => [name, { ...changes[name], image: IMAGE }])),
      ...Object.fromEntries(leftOut.map((name) => [name, { profiles: ['left-out'] }])),
    },
  }));
  return file;
}

export async function openStack(engine: Engine): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), `${PROJECT}-`));
  await checkout(folder);
  const [port, grafanaPort] = [await freePort(), await freePort()];
  const env = {
    ...engine.env, COMPOSE_PROJECT_NAME: PROJECT, COMPOSE_FILE: `${join(folder, 'docker-compose.yml')}:${writeOverride(folder, engine)}`,
    GATEWAY_PORT: String(port), GRAFANA_PORT: String(grafanaPort),
  };
  const docker: Stack['docker'] = (args, options = {}) => run('docker', args, { cwd: folder, env, timeoutMs: SCRIPT_MS, ...options });
  const lines: Stack['lines'] = (script) => run('bash', ['-euo', 'pipefail', '-c', script
    .replaceAll(/(127\.0\.0\.1|localhost):3001/g, `127.0.0.1:${port}`).replaceAll('credit-gateway_', `${PROJECT}_`)
    .replaceAll('npm run -s token --', 'docker compose exec -T gateway credit-gateway token')], { cwd: folder, env, timeoutMs: SCRIPT_MS });

  const containers = async (): Promise<Container[]> => {
    const ids = (await docker(['ps', '--all', '--quiet', '--filter', `label=com.docker.compose.project=${PROJECT}`])).split(/\s+/);
    const told = await docker(['inspect', '--format', CONTAINER_LINE, ...ids.filter((id) => id !== '')]);
    return told.split('\n').map((line) => {
      const [name = '', service = '', state = '', health = ''] = line.replace(/^\//, '').split(' ');
      return { name, service, state, health };
    });
  };

  const down = (): Promise<Ended> => outcomeOf('docker', ['compose', 'down', '--volumes', '--timeout', '10'], { cwd: folder, env });
  return {
    engine, folder, image: IMAGE, url: `http://127.0.0.1:${port}`, docker, lines, containers,
    outcome: (args) => outcomeOf('docker', args, { cwd: folder, env, timeoutMs: SCRIPT_MS }),
    exec: (service, ...command) => docker(['compose', 'exec', '-T', service, ...command]),
    healthy: (withinMs = 600_000) => eventually('all services are healthy', withinMs, async () => {
      const all = (await containers()).filter(({ service }) => service !== 'migrate');
      const ill = all.filter(({ state, health }) => state !== 'running' || health !== 'healthy');
      if (ill.length > 0) throw new Error(ill.map(({ service, state, health }) => `${service} is ${state} ${health}`).join(', '));
      return all.length;
    }),
    clear: async () => { await down(); },
    discard: async () => {
      await down();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
