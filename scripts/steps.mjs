/** What the scripts share: steps that are told, failed steps, child processes, and a lock per clone. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NODE_MIN = [20, 12];
const LOCK_POLL_MS = 200;

/** A failed step. Its message is printed without a stack. */
export class StepError extends Error {}

/** Writes to stderr, because the stdout of `credit-gateway token` is piped into other commands. */
export const say = (line) => { process.stderr.write(`${line}\n`); };

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

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new StepError(
    `Node ${NODE_MIN.join('.')} or newer is needed; this is ${process.versions.node} (${process.execPath}).\n` +
    '  what to do: install Node 24 from https://nodejs.org, or with nvm: nvm install 24',
  );
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

/** Runs a command without a terminal; resolves with its exit code and all that it wrote. */
export function capture(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => { output += chunk; });
    child.stderr.on('data', (chunk) => { output += chunk; });
    child.once('error', (error) => { resolve({ code: 1, output: error.message }); });
    child.once('close', (code) => { resolve({ code: code ?? 1, output }); });
  });
}

export const indent = (text) => text.trim().split('\n').map((line) => `    ${line}`).join('\n');

/** Two starts of one clone must not install or build at the same time. Resolves with a function that unlocks. */
export async function lock() {
  const file = join(root, '.cache', 'prepare.lock');
  mkdirSync(dirname(file), { recursive: true });
  for (let waited = false; ; ) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      const unlock = () => { rmSync(file, { force: true }); };
      process.once('exit', unlock);
      return () => { process.off('exit', unlock); unlock(); };
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw new StepError(`${root} cannot be written to: ${error.message}\n  what to do: run this as the owner of the clone`);
      }
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
