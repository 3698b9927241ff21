/**
 * `npm run night`: a gateway under a light load with one failure after the other, for operators who practise before they
 * are on call. Everything it starts is removed at the end, also on Ctrl-C.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPrometheus, startPrometheus, type RunningPrometheus } from '../../test/support/prometheus.js';
import { temporaryFolder, type Folder } from '../../test/support/servers.js';
import { writePrometheusConfig } from '../observability/prometheus-config.js';
import { guide } from './guide.js';
import { LEASE_SECONDS, liveARound, type NightDeps, type Pace } from './night.js';
import { nightClient } from './night-client.js';
import { readOptions, USAGE, type NightOptions } from './options.js';
import { openStage, type Stage } from './stage.js';

/** Long enough to look at two or three pages while a fault lasts. */
const PACE: Pace = { faultMs: 45_000, calmMs: 15_000 };
const MS_PER_MINUTE = 60_000;

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** For a shell of the reader: the commands of the README then speak to this gateway. Readable by its owner only. */
function writeEnvironment(folder: Folder, { settings, url }: Stage): string {
  const file = join(folder.path, 'night.env');
  const lines = Object.entries({ ...settings, GATEWAY: url }).map(([name, value]) => `export ${name}='${value}'\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return file;
}

async function prometheusOf(folder: Folder, { apiPort, workerPort }: Stage): Promise<RunningPrometheus | undefined> {
  const programs = await findPrometheus();
  if (typeof programs !== 'string') {
    return startPrometheus(programs, folder, writePrometheusConfig(folder, [apiPort, workerPort].map((port) => `127.0.0.1:${port}`)));
  }
  say(`the night goes without Prometheus: ${programs}`);
  return undefined;
}

/** Goes on, round after round, until the time is over. */
async function liveTheNight(deps: NightDeps): Promise<void> {
  try {
    for (let round = 1; ; round += 1) await liveARound(deps, round, PACE);
  } catch (error) {
    if (!deps.over.aborted) throw error;
  }
  say('The time is over: cleaning up ...');
}

async function main({ minutes, withPrometheus }: NightOptions): Promise<void> {
  say('starting a Redis, a Postgres, a gateway and a worker of our own ...');
  const stage = await openStage(LEASE_SECONDS);
  const folder = await temporaryFolder();
  let prometheus: RunningPrometheus | undefined;
  try {
    if (withPrometheus) prometheus = await prometheusOf(folder, stage);
    const { url, workerPort, token, faults } = stage;
    say(guide({ url, workerPort, envFile: writeEnvironment(folder, stage), prometheus: prometheus?.url, minutes }));
    await stage.startLoad();
    await liveTheNight({
      client: nightClient(url), url, workerPort, token, faults, say, over: AbortSignal.timeout(minutes * MS_PER_MINUTE),
    });
  } finally {
    await prometheus?.stop();
    await stage.close();
    folder.remove();
  }
}

let options: NightOptions;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exit(2);
}
process.once('SIGINT', () => {
  say('cleaning up ...'); // who cleans up is test/support/servers.ts
  process.once('exit', () => { process.exitCode = 0; }); // to be interrupted is how a night ends
});
await main(options);
