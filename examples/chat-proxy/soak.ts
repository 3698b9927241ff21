/** `npm run chat:soak`: README.md of this folder. Everything it starts is thrown away at the end. */
import { parseArgs } from 'node:util';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openBooks } from '../../test/support/books.js';
import { isClean } from '../../test/support/finding.js';
import { startProcesses, type GatewayProcesses } from '../../test/support/processes.js';
import { throwawayPostgres, throwawayRedis, type TestServer } from '../../test/support/servers.js';
import { nothingTold } from '../../test/support/told.js';
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
    const postgres = await throwawayPostgres({ synchronous_commit: 'on' });
    servers.push(postgres);
    await migrate(postgres.url);
    processes = await startProcesses({ redisUrl: redis.url, databaseUrl: postgres.url });
    const result = await runSoak(options, processes, say);
    const books = openBooks(processes);
    try {
      await books.settled();
      const findings = await books.audit(nothingTold());
      const { text, isRight } = soakReport(result);
      say(text);
      const wrong = findings.filter(({ wrongCount }) => wrongCount > 0);
      say(wrong.length === 0 ? `books: ${findings.length} checks, all of them balance` : `books: ${JSON.stringify(wrong, null, 2)}`);
      return isRight && isClean(findings);
    } finally {
      await books.close();
    }
  } finally {
    await processes?.stop();
    await Promise.all(servers.map((server) => server.discard()));
  }
}

const { values } = parseArgs({ options: { streams: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } } });
process.exitCode = await main({ streams: Number(values.streams), seed: Number(values.seed) }) ? 0 : 1;
