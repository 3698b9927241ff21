import { execFile } from 'node:child_process';
import type { ServiceUser } from './service-user.js';

export type CommandResult = {
  readonly ok: boolean;
  readonly stdout: string;
  /** Why it failed, in one line: the last line of its output, or why it could not start. */
  readonly problem: string;
};

type RunOptions = {
  readonly user?: ServiceUser | undefined;
  readonly cwd?: string;
  readonly timeoutMs?: number;
};

/** A binary that does not report its version within this time counts as unusable. */
const PROBE_TIMEOUT_MS = 10_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;

/**
 * Runs a short command to its end. Never rejects: a missing or failing command is a result. The default working
 * directory is `/`, because the service user may not be allowed to enter the current one.
 */
export function runCommand(command: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const { user, cwd = '/', timeoutMs = PROBE_TIMEOUT_MS } = options;
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { cwd, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, ...identity },
      (error, stdout, stderr) => {
        resolve({ ok: error === null, stdout, problem: error === null ? '' : explain(error, `${stdout}\n${stderr}`) });
      },
    );
  });
}

function explain(error: { code?: string | number | null; killed?: boolean; message: string }, output: string): string {
  if (error.code === 'ENOENT') return 'not found';
  if (error.code === 'EACCES') return 'not executable for us';
  if (error.killed === true) return 'gave no answer in time';
  const lastLine = output.trim().split('\n').at(-1)?.trim();
  const code = `exit ${String(error.code)}`;
  return lastLine === undefined || lastLine === '' ? code : `${code}: ${lastLine}`;
}
