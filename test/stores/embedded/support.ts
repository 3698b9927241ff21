import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';

/** A program for a test's PATH: prints `output` and exits with `code`. */
export function fakeProgram(folder: string, name: string, output: string, code = 0): void {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\necho '${output}'\nexit ${code}\n`);
  chmodSync(file, 0o755);
}

export async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => undefined); // the failed command or connect rejects, which is enough
  await redis.connect();
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

export async function withPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export type Child = {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Everything written so far. */
  readonly output: () => string;
  /** Resolves when the output contains the text; rejects when the child ends before. */
  readonly says: (text: string) => Promise<void>;
  readonly exited: Promise<void>;
};

type ChildOptions = { readonly path?: string; readonly uid?: number; readonly gid?: number };

/**
 * Runs code in a separate Node process, for what a test cannot do in its own: use another PATH or account, or be killed.
 * `load('x.js')` imports a module of src/stores/embedded.
 */
export function runChild(code: string, { path, ...account }: ChildOptions = {}): Child {
  const base = new URL('../../../src/stores/embedded/', import.meta.url).href;
  const program = `const load = (name) => import(${JSON.stringify(base)} + name);\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: '/',
    env: { PATH: path ?? process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  let output = '';
  const collect = (chunk: Buffer): void => { output += chunk.toString(); };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = new Promise<void>((resolve) => { child.once('close', () => { resolve(); }); });
  return {
    process: child,
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    says: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => { if (output.includes(text)) resolve(); };
        child.stdout.on('data', check);
        child.stderr.on('data', check);
        void exited.then(() => { reject(new Error(`ended without "${text}":\n${output}`)); });
        check();
      }),
  };
}
