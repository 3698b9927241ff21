/** `npm run chat:soak`: README.md of this folder. Everything it starts is thrown away at the end. */
import { parseArgs } from 'node:util';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openBooks } from '../../test/support/books.js';
import { startProcesses, type GatewayProcesses } from '../../test/support/processes.js';
import { throwawayPostgres, throwawayRedis, type TestServer } from '../../test/support/servers.js';
import { soakReport } from './soak-report.js';
import { runSoak, type SoakOptions } from './soak-run.js';

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

async function main(options: SoakOptions): Promise<boolean> {
  const servers: TestServer[] = [];
  let processes: GatewayProcesses | undefined;
  try {
    say('starting a Redis and a Postgres of our own ...');
    const redis = await throwawayRedis({ appendfsync: 'always' });
    servers.push(redis);
    const postgres = await throwawayPostgres();
    servers.push(postgres);
    await migrate(postgres.ownerUrl);
    processes = await startProcesses({ redisUrl: redis.url, databaseUrl: postgres.url });
    const result = await runSoak(options, processes, say);
    const books = openBooks(processes);
    try {
      await books.settled();
      const { text, isRight } = soakReport(result);
      say(text);
      const { conserves, drifts } = await reconciled(processes);
      const sums = conserves ? 'every credit granted is available, held, charged, expired or removed' : 'NOT CONSERVED';
      say(`books: ${sums}; drift in ${drifts} checks`);
      return isRight && conserves && drifts === 0;
    } finally {
      await books.close();
    }
  } finally {
    await processes?.stop();
    await Promise.all(servers.map((server) => server.discard()));
  }
}

/** What the gateway's own reconciliation says. */
async function reconciled({ url, token }: GatewayProcesses): Promise<{ readonly conserves: boolean; readonly drifts: number }> {
  const response = await fetch(`${url()}/v1/reconciliation`, {
    headers: { authorization: `Bearer ${await token({ sub: 'root', role: 'admin' })}` },
  });
  const { sums, open } = await response.json() as { readonly sums: { readonly conserves: boolean }; readonly open: readonly object[] };
  return { conserves: sums.conserves, drifts: open.length };
}

const { values } = parseArgs({ options: { streams: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } } });
process.exitCode = await main({ streams: Number(values.streams), seed: Number(values.seed) }) ? 0 : 1;
