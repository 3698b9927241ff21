import { expectEqual, type Check } from './check.js';
import { eventually } from './shell.js';
import { PROJECT } from './stack.js';

/**
 * The image as deploy/kubernetes starts it: node as process 1, without an init process, with the limits of a pod, and started again when it
 * fails.
 */

const POD = `${PROJECT}-pod`;
const SECURITY = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--user', '1000:1000'];
const HARDENED = ['--network', `${PROJECT}_stores`, ...SECURITY, '--memory', '512m'];
const WITHIN_MS = 300_000;

export const pod: Check = {
  name: 'Kubernetes\' form: node as process 1, migration before, probes, SIGTERM',
  run: async ({ stack }) => {
    const setting = async (name: string): Promise<string> => `${name}=${await stack.exec('gateway', 'printenv', name)}`;
    const own = [await setting('REDIS_URL'), await setting('DATABASE_URL'), await setting('JWT_ACCESS_SECRET')];
    const settings = [...own, 'ROLE=api', 'SHUTDOWN_DELAY_MS=5000'].flatMap((each) => ['--env', each]);
    const owner = await stack.exec('postgres', 'printenv', 'POSTGRES_OWNER_PASSWORD');
    const migration = `MIGRATION_DATABASE_URL=postgres://gateway_owner:${owner}@postgres:5432/gateway`;
    await stack.docker(['run', '--rm', ...HARDENED, '--env', migration, stack.image, 'credit-gateway', 'migrate']);
    try {
      await stack.docker(['run', '--detach', '--restart', 'on-failure', '--name', POD, ...HARDENED, ...settings, stack.image]);
      const probe = (path: string): Promise<string> =>
        stack.docker(['exec', POD, 'node', '--eval', `fetch('http://127.0.0.1:3001${path}').then(({status})=>console.log(status))`]);
      await eventually('the pod is ready', WITHIN_MS, async () => ((await probe('/readyz')) === '200' ? true : undefined));
      expectEqual('/livez', await probe('/livez'), '200');
      const first = await stack.docker(['exec', POD, 'node', '--print', 'fs.readFileSync(\'/proc/1/cmdline\',\'utf8\').split(\'\\0\')[0]']);
      expectEqual('process 1', first, 'node');
      const restarts = await stack.docker(['inspect', '--format', '{{.RestartCount}}', POD]);
      const startedAt = performance.now();
      await stack.docker(['stop', '--time', '45', POD]);
      const seconds = (performance.now() - startedAt) / 1_000;
      expectEqual('exit code', await stack.docker(['inspect', '--format', '{{.State.ExitCode}}', POD]), '0');
      return `ready after ${restarts} restarts; SIGTERM: exit code 0 after ${seconds.toFixed(1)} s`;
    } finally {
      await stack.outcome(['rm', '--force', POD]);
    }
  },
};
