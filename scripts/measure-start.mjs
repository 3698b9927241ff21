/**
 * `npm run measure:start -- [rounds]`: how long the first `npm start` of a clone takes, beside a bare `npm ci --omit=dev`. Both begin
 * with a clone of the last commit and an empty cache of npm, and take turns. A Redis that was fetched before is not fetched again.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, main, root, say, StepError } from './steps.mjs';

const ROUNDS = 3;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

await main(async () => {
  const rounds = Number(process.argv[2] ?? ROUNDS);
  const [bare, first] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    bare.push(await inClone((folder, env) => untilEnd('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], folder, env)));
    say(`npm ci --omit=dev: ${bare.at(-1).toFixed(1)} s`);
    first.push(await inClone((folder, env) => untilReady(folder, env)));
    say(`npm start: ${first.at(-1).toFixed(1)} s`);
  }
  const [npm, start] = [median(bare), median(first)];
  say(`median of ${rounds}: npm ci --omit=dev ${npm.toFixed(1)} s, npm start ${start.toFixed(1)} s, ${(start / npm).toFixed(2)} times`);
});

/** Runs `work` in a new clone, with its own cache of npm and its own data; both are deleted. */
async function inClone(work) {
  const home = mkdtempSync(join(tmpdir(), 'measure-start-'));
  chmodSync(home, 0o755); // started by root, the servers run as another account
  const folder = join(home, 'clone');
  try {
    const { code, output } = await capture('git', ['clone', '--quiet', root, folder]);
    if (code !== 0) throw new StepError(`git clone failed: ${output}`);
    return await work(folder, {
      ...process.env, npm_config_cache: join(home, 'npm'), DATA_DIR: join(home, 'data'), PORT: '0', OPERATIONS_PORT: '0',
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Seconds of a command. */
function untilEnd(command, args, cwd, env) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve((performance.now() - started) / 1_000);
      else reject(new StepError(`${command} ${args.join(' ')} ended with exit code ${code}`));
    });
  });
}

/** Seconds until the gateway says that it is ready; then it is stopped. Its steps are told with their times. */
function untilReady(cwd, env) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1_000;
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['start'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let readyAfter;
    child.stdout.on('data', (chunk) => {
      if (readyAfter !== undefined || !String(chunk).includes('"msg":"ready"')) return;
      readyAfter = seconds();
      process.kill(-child.pid, 'SIGTERM');
    });
    child.stderr.on('data', (chunk) => {
      if (readyAfter !== undefined) return;
      for (const line of String(chunk).trimEnd().split('\n')) say(`  ${seconds().toFixed(1)} s  ${line}`);
    });
    child.once('error', reject);
    child.once('close', () => {
      if (readyAfter === undefined) reject(new StepError('npm start ended before the gateway was ready'));
      else resolve(readyAfter);
    });
  });
}
