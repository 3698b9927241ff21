/**
 * Makes a clone runnable: Node version, dependencies, build. Does only what is missing, so a second start is fast. Uses
 * only Node's own modules, because a fresh clone has no others.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.build-stamp');
/** The folders of tsconfig.json. */
const SOURCE_FOLDERS = ['src', 'test', 'bench', 'clients', 'examples', 'grafana'];
const SOURCE_FILES = ['knexfile.ts'];
const NODE_MIN = [20, 12];
const LOCK_POLL_MS = 200;
/** npm prints the explanation first and its manual after it. */
const NPM_LINES_MAX = 15;

/** A failed step. Its message is printed without a stack. */
export class StepError extends Error {}

/** Writes to stderr, because the stdout of `npm run token` is piped into other commands. */
export const say = (line) => { process.stderr.write(`${line}\n`); };

/**
 * @param {{ steps?: number, quiet?: boolean }} options `steps`: the caller's total number of steps; `quiet`: only report
 * slow steps.
 */
export async function prepare({ steps = 2, quiet = false } = {}) {
  checkNode();
  const unlock = await lock();
  try {
    if (dependenciesAreInstalled()) {
      if (!quiet) say(`[1/${steps}] dependencies: up to date`);
    } else {
      say(`[1/${steps}] installing dependencies (first run, or package-lock.json changed) ...`);
      await install();
    }
    const stamp = sourceStamp();
    if (isBuilt(stamp)) {
      if (!quiet) say(`[2/${steps}] build: up to date`);
    } else {
      say(`[2/${steps}] building ...`);
      await build(stamp);
    }
  } finally {
    unlock();
  }
}

/** Runs the body of a script; a failed step ends the process with its message and exit code 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(`\n${error.message}`);
    process.exit(1);
  }
}

/** Runs Node on a script with this terminal; resolves with its exit code. */
export function runNode(args, { env = process.env, stdout = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['inherit', stdout, 'inherit'] });
    // Ctrl-C reaches the child directly, and it may need time to clean up; other signals only reach this process.
    const forward = (signal) => { if (signal !== 'SIGINT') child.kill(signal); };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.once('error', reject);
    child.once('close', (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code ?? 1);
    });
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new StepError(
    `Node ${NODE_MIN.join('.')} or newer is needed; this is ${process.versions.node} (${process.execPath}).\n` +
    '  what to do: install Node 20 or newer from https://nodejs.org, or with nvm: nvm install 20',
  );
}

/** Compares the lock file with the copy that npm leaves in node_modules after a complete install. */
function dependenciesAreInstalled() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    // Optional packages may be for other platforms or left out on purpose; a wrong version of one is still an error.
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return optional === true || devOptional === true;
    return found.version === version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function install() {
  // --include=dev: the compiler is a dev dependency, and NODE_ENV=production would leave it out.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { code, output } = await runNpm(args);
  if (code === 0) return;
  const advice = output.includes('EUSAGE')
    ? 'package-lock.json does not fit package.json: run npm install and commit both'
    : 'check the network and the registry (npm config get registry), then run the command again';
  const head = output.split('\n').filter((line) => line.replace('npm error', '').trim() !== '').slice(0, NPM_LINES_MAX).join('\n');
  throw new StepError(
    `Installing dependencies failed: npm ${args.join(' ')} ended with exit code ${code}.\n${indent(head)}\n  what to do: ${advice}`,
  );
}

/** Under `npm start` the same npm is used; otherwise the one on PATH. */
function runNpm(args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  return capture(command, [...prefix, ...args]);
}

async function build(stamp) {
  removeStaleOutputs();
  // tsc trusts its record of written files; when an output is missing the record is wrong.
  if (!sources().every((source) => existsSync(outputOf(source)))) rmSync(join(dist, '.tsbuildinfo'), { force: true });
  rmSync(stampFile, { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await capture(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')]);
  if (code !== 0) {
    throw new StepError(
      `Building failed: tsc -p tsconfig.json ended with exit code ${code}.\n${indent(output)}\n  what to do: mend the errors above`,
    );
  }
  writeFileSync(stampFile, stamp);
}

/** A stamp of everything the build depends on, taken before it starts: an edit during the build causes another build. */
function sourceStamp() {
  const hash = createHash('sha256');
  for (const file of ['tsconfig.json', 'package-lock.json', 'package.json', ...sources()]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file))).update('\0');
  }
  return hash.digest('hex');
}

function isBuilt(stamp) {
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) return false;
  removeStaleOutputs();
  return sources().every((source) => existsSync(outputOf(source)));
}

/** Deletes outputs without a source: otherwise a deleted test would still run. */
function removeStaleOutputs() {
  const expected = new Set(sources().map(outputOf));
  for (const folder of SOURCE_FOLDERS) {
    for (const file of filesBelow(join(dist, folder))) {
      if (!expected.has(file.replace(/\.map$/, ''))) rmSync(file, { force: true });
    }
  }
}

function sources() {
  return [...SOURCE_FOLDERS.flatMap((folder) => filesBelow(join(root, folder))), ...SOURCE_FILES.map((file) => join(root, file))]
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => relative(root, file))
    .sort();
}

const outputOf = (source) => join(dist, source.replace(/\.ts$/, '.js'));

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

function capture(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => { output += chunk; });
    child.stderr.on('data', (chunk) => { output += chunk; });
    child.once('error', (error) => { resolve({ code: 1, output: error.message }); });
    child.once('close', (code) => { resolve({ code: code ?? 1, output }); });
  });
}

const indent = (text) => text.trim().split('\n').map((line) => `    ${line}`).join('\n');

/** Two starts of one clone must not install or build at the same time. Resolves with a function that unlocks. */
async function lock() {
  const file = join(root, '.cache', 'prepare.lock');
  mkdirSync(dirname(file), { recursive: true });
  for (let waited = false; ; ) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      const unlock = () => { rmSync(file, { force: true }); };
      process.once('exit', unlock);
      return () => { process.off('exit', unlock); unlock(); };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder === undefined) continue; // unlocked in the meantime
    if (!isAlive(holder)) { rmSync(file, { force: true }); continue; }
    if (!waited) say(`waiting for another build of this clone (process ${holder}) ...`);
    waited = true;
    await new Promise((resolve) => { setTimeout(resolve, LOCK_POLL_MS); });
  }
}

function readHolder(file) {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(() => prepare());
