import { spawn } from 'node:child_process';

export type RunOptions = {
  readonly cwd?: string | undefined; readonly env?: NodeJS.ProcessEnv | undefined;
  /** What the program reads from its standard input. */
  readonly input?: string | undefined; readonly timeoutMs?: number | undefined;
};
/** `code` is null when a signal, or the time limit, ended the program. */
export type Ended = { readonly code: number | null; readonly stdout: string; readonly output: string };

const TIMEOUT_MS = 300_000;

/** Runs a program to its end, at most `timeoutMs` (five minutes by default). Never throws for what the program does. */
export function outcomeOf(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { cwd, env = process.env, input = '', timeoutMs = TIMEOUT_MS } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, timeout: timeoutMs, killSignal: 'SIGKILL' });
    let stdout = '';
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => { stdout += chunk.toString(); output += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    child.once('error', (error) => { resolve({ code: 127, stdout, output: error.message }); });
    child.once('close', (code) => { resolve({ code, stdout, output }); });
    child.stdin.on('error', () => undefined); // a program that ends before it has read everything
    child.stdin.end(input);
  });
}

const LINES_TOLD = 12;

/** Answers what the program writes to its standard output. Throws the last lines of all that it wrote when it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, output } = await outcomeOf(program, args, options);
  if (code === 0) return stdout.trim();
  const told = output.trim().split('\n').slice(-LINES_TOLD).join('\n');
  throw new Error(`${[program, ...args].join(' ').slice(0, 200)} ended with ${code ?? 'a signal or the time limit'}:\n${told}`);
}

/** An error that waiting does not mend. */
export class Refused extends Error {}

/** Waits until `look` answers something other than undefined. Throws what is `Refused`, and after `withinMs` the last error of `look`. */
export async function eventually<T>(what: string, withinMs: number, look: () => Promise<T | undefined>): Promise<T> {
  const startedAt = performance.now();
  let last = '';
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (error instanceof Refused) throw error;
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    });
    if (found !== undefined) return found;
    if (performance.now() - startedAt > withinMs) throw new Error(`${what}: not within ${withinMs / 1_000} s${last}`);
    await new Promise((resolve) => { setTimeout(resolve, 500); });
  }
}
