import { describe, expect, test } from '@jest/globals';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readConfig } from '../../src/config.js';
import { temporaryFolder } from '../support/servers.js';
import { at, packageJson, pathOf, textOf, yamlOf, type Fields } from './documents.js';

/** What can be read; `npm run compose:verify` starts the containers. */

type Service = Fields & {
  readonly image: string; readonly environment?: Readonly<Record<string, string>>; readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>; readonly networks: readonly string[];
};
type Compose = { readonly services: Readonly<Record<string, Service>>; readonly volumes: Fields; readonly networks: Fields };

const compose = yamlOf('docker-compose.yml') as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
};
const names = services.map(([name]) => name);

/** The variables of .env.example: those that must be given, and those that may. */
const example = textOf('.env.example').split('\n');
const required = example.flatMap((line) => /^([A-Z_]+)=$/.exec(line)?.[1] ?? []);
const optional = example.flatMap((line) => /^# ([A-Z_]+)=/.exec(line)?.[1] ?? []);

test('the schema of the Compose specification', () => {
  const valid = new Ajv2019({
    strict: false, validateFormats: false, allErrors: true,
  }).compile(JSON.parse(textOf('test/deploy/compose-spec.schema.json')) as object);
  valid(compose);
  expect(valid.errors).toBeNull();
  expect(valid({ ...compose, services: { redis: { ...service('redis'), restrat: 'always' } } })).toBe(false);
});

test('the services', () => {
  expect(names.sort()).toEqual(['alertmanager', 'gateway', 'grafana', 'migrate', 'postgres', 'prometheus', 'rabbitmq', 'redis', 'worker']);
});

describe.each(services)('%s', (name, each) => {
  test('is healthy or not, and waits for those that are', () => {
    if (name === 'migrate') expect(each['healthcheck']).toEqual({ disable: true }); // it ends
    else expect(at(each, 'healthcheck.test')).toBeDefined();
    for (const [other, { condition }] of Object.entries(each.depends_on ?? {})) {
      expect(names).toContain(other);
      expect(condition).toBe(other === 'migrate' ? 'service_completed_successfully' : 'service_healthy');
    }
  });

  test('cannot write to its root, gain privileges, or take the whole machine', () => {
    expect(each).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(each['restart']).toBe(name === 'migrate' ? 'no' : 'unless-stopped');
    expect(each['privileged'] ?? each['cap_add'] ?? each['network_mode']).toBeUndefined();
    expect(at(each, 'deploy.resources.limits')).toEqual({ cpus: expect.any(String), memory: expect.stringMatching(/^\d+[mg]$/) });
  });

  test('is pinned to a version', () => {
    expect(each.image).toMatch(/^[a-z/-]+:v?\d+\.\d+|^postgres:15-/);
    if (each['build'] !== undefined) expect(each.image).toBe(`credit-gateway:${packageJson.version}`);
  });

  test('mounts what exists', () => {
    for (const volume of each.volumes ?? []) {
      const [from = '', , mode] = volume.split(':');
      if (!from.startsWith('./')) expect(Object.keys(compose.volumes)).toContain(from);
      else expect({ from, exists: existsSync(pathOf(from)), mode }).toEqual({ from, exists: true, mode: 'ro' });
    }
  });

  test('publishes ports to this machine only', () => {
    expect((each.ports ?? []).every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
    expect(each.ports !== undefined).toBe(['gateway', 'grafana'].includes(name));
  });

  test('is on networks that exist, and on `edge` only where it must get out', () => {
    expect(each.networks.every((network) => network in compose.networks)).toBe(true);
    expect(each.networks.includes('edge')).toBe(['gateway', 'worker', 'grafana', 'alertmanager'].includes(name));
  });

  test('has no secret of its own', () => {
    for (const [variable, value] of Object.entries(each.environment ?? {})) {
      const isSecret = /SECRET|PASSWORD|PASS|KEY/.test(variable) || /:\/\/[^/]*@/.test(value);
      if (isSecret) expect({ variable, value: value.replace(/\$\{[A-Z_]+:(\?see \.env\.example|-)\}/, '') }).toMatchObject({
        value: expect.stringMatching(/^$|^\w+:\/\/gateway(_app|_owner)?:@[\w:]+(\/gateway)?$/),
      });
    }
  });
});

test('every variable is in .env.example, and what must be given has no default', () => {
  const used = [...textOf('docker-compose.yml').matchAll(/\$\{([A-Z_]+)(:[-?])/g)].map(([, name, how]) => ({ name, how }));
  const mayBeEmpty = ['JWT_ACCESS_SECRET']; // the gateway itself says what it needs instead
  expect(used.filter(({ name, how }) => !(how === ':?' ? required : [...optional, ...mayBeEmpty]).includes(name ?? ''))).toEqual([]);
  expect([...required, ...optional].filter((name) => !used.some((each) => each.name === name))).toEqual([]);
});

/** The environment of a service, as Compose would fill it in. */
const filledIn = (name: string): Record<string, string> => Object.fromEntries(Object.entries(service(name).environment ?? {})
  .map(([variable, value]) => [variable, value.replace(/\$\{([A-Z_]+)(?::-([^}]*)|[^}]*)\}/g, (_, each: string, fallback?: string) =>
    (required.includes(each) ? 'f'.repeat(64) : fallback ?? ''))]));

test('the gateway accepts what it is told, and without a way to verify tokens it refuses', () => {
  expect(readConfig(filledIn('gateway'))).toMatchObject({
    role: 'api', apiProcesses: 2, redis: { kind: 'server', url: `redis://gateway:${'f'.repeat(64)}@redis:6379` },
  });
  expect(readConfig(filledIn('worker'))).toMatchObject({ role: 'worker', rabbitmqUrl: `amqp://gateway:${'f'.repeat(64)}@rabbitmq:5672` });
  expect(() => readConfig({ ...filledIn('gateway'), JWT_ACCESS_SECRET: '' })).toThrow('without one no token can be verified');
});

test('the gateway\'s roles in Postgres: the password of the owner is in no service but the one that migrates', () => {
  expect(new URL(filledIn('migrate')['MIGRATION_DATABASE_URL'] ?? '').username).toBe('gateway_owner');
  for (const name of ['gateway', 'worker']) {
    expect(readConfig(filledIn(name))).toMatchObject({
      databaseUrl: `postgres://gateway_app:${'f'.repeat(64)}@postgres:5432/gateway`, migrationDatabaseUrl: undefined,
    });
    expect(Object.keys(service(name).depends_on ?? {})).toContain('migrate');
  }
  const holders = services.filter(([, each]) => JSON.stringify(each.environment ?? {}).includes('POSTGRES_OWNER_PASSWORD'));
  expect(holders.map(([name]) => name).sort()).toEqual(['migrate', 'postgres']);
  expect(at(service('migrate'), 'command')).toEqual(['credit-gateway', 'migrate']);
  // The script creates the roles that the addresses name.
  expect(textOf('deploy/postgres/create-roles.sh')).toContain('set owner gateway_owner\\n\\\\set application gateway_app');
});

test('a stop has longer than the gateway takes', () => {
  const stopTimeoutSeconds = Number(/STOP_TIMEOUT_MS = (\d+)_000/.exec(textOf('src/run.ts'))?.[1]);
  for (const name of ['gateway', 'worker']) {
    expect(Number.parseInt(String(service(name)['stop_grace_period']), 10)).toBeGreaterThan(stopTimeoutSeconds);
  }
});

test('redis.conf keeps money: no eviction, an append-only file, and room for its rewrite', () => {
  const directives = new Map(textOf('deploy/redis/redis.conf').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)]));
  expect([directives.get('maxmemory-policy'), directives.get('appendonly'), directives.get('appendfsync')]).toEqual([
    'noeviction', 'yes', 'everysec',
  ]);
  expect(Number.parseInt(directives.get('maxmemory') ?? '', 10) * 2).toBeLessThanOrEqual(Number.parseInt(
    String(at(service('redis'), 'deploy.resources.limits.memory')), 10,
  ));
});

const UNITS: Readonly<Record<string, number>> = { m: 1, g: 1_024 };
/** The memory limit of a service in MiB. */
const memoryOf = (name: string): number => {
  const [, amount, unit = ''] = /^(\d+)([mg])$/.exec(String(at(service(name), 'deploy.resources.limits.memory'))) ?? [];
  return Number(amount) * (UNITS[unit] ?? Number.NaN);
};

test('the heaps of all processes of the gateway, and what each needs besides, fit into its container', () => {
  const { API_PROCESSES: processes, NODE_OPTIONS: options } = service('gateway').environment ?? {};
  const heap = Number(/^--max-old-space-size=(\d+)$/.exec(options ?? '')?.[1]);
  const newObjects = 48;
  expect((Number(processes) + 1) * (heap + newObjects + 64)).toBeLessThanOrEqual(memoryOf('gateway'));
});

test('RabbitMQ is told the limit of its container, and how many files it may open', () => {
  expect(textOf('deploy/rabbitmq/limits.conf')).toContain(`total_memory_available_override_value = ${memoryOf('rabbitmq') / 1_024}GiB\n`);
  expect(at(service('rabbitmq'), 'ulimits.nofile')).toBeLessThanOrEqual(65_536); // Erlang reserves memory for each
});

test('no health check has an argument with a space: some engines split there', () => {
  for (const [name, each] of services) {
    const [how, ...args] = at(each, 'healthcheck.test') as string[] | undefined ?? [];
    if (how === 'CMD') expect({ name, spaces: args.filter((argument) => argument.includes(' ')) }).toEqual({ name, spaces: [] });
  }
});

test('after the documented first line, a checkout under umask 077 can be read by the accounts of the containers; .env cannot', async () => {
  const folder = await temporaryFolder();
  const lines = /## Docker Compose[\s\S]*?```sh\n([\s\S]*?)docker compose/.exec(textOf('docs/deployment.md'))?.[1] ?? '';
  const mounted = services.flatMap(([, each]) => (each.volumes ?? []).map((volume) => volume.split(':')[0] ?? '')
    .filter((from) => from.startsWith('./')));
  for (const each of ['deploy', 'grafana', '.env.example', ...mounted]) {
    mkdirSync(dirname(join(folder.path, each)), { recursive: true });
    cpSync(pathOf(each), join(folder.path, each), { recursive: true });
  }
  execFileSync('bash', ['-euo', 'pipefail', '-c', `chmod -R go= . && ${lines}`], { cwd: folder.path });
  const below = mounted.flatMap((each) => [each, ...(statSync(join(folder.path, each)).isDirectory()
    ? readdirSync(join(folder.path, each), { recursive: true, encoding: 'utf8' }).map((name) => join(each, name))
    : [])]);
  const isOpen = (each: string): boolean => {
    const found = statSync(join(folder.path, each));
    return (found.mode & (found.isDirectory() ? 0o005 : 0o004)) === (found.isDirectory() ? 0o005 : 0o004);
  };
  expect(below.filter((each) => !isOpen(each))).toEqual([]);
  expect(statSync(join(folder.path, '.env')).mode & 0o077).toBe(0);
  folder.remove();
});
