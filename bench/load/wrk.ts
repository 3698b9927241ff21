import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../src/kit/paths.js';
import { encode, NO_REQUESTS, type Burst, type BurstResult, type LoadGenerator } from './burst.js';
import type { Wrk } from './find-wrk.js';

/** A burst that takes longer has lost answers. */
const BURST_SECONDS_MAX = 120;
const SCRIPT = join(projectRoot, 'bench/load/wrk.lua');

/** The load generator over wrk (github.com/wg/wrk): one thread, one process per burst. */
export function wrkLoad({ command, args }: Wrk): LoadGenerator {
  const run = async ({ port, connections, requests, perSecond = 0 }: Burst): Promise<BurstResult> => {
    if (requests.length === 0) return NO_REQUESTS; // wrk wants one at least
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    const [sent, answered] = [join(folder, 'requests'), join(folder, 'answers')];
    try {
      await writeFile(sent, requests.map(encode).map((each) => `${Buffer.byteLength(each)}\n${each}`).join(''));
      const said = await outputOf(command, [
        ...args, '--threads', '1', '--connections', String(connections), '--duration', `${BURST_SECONDS_MAX}s`, '--timeout', '60s',
        '--script', SCRIPT, `http://127.0.0.1:${port}`, '--', sent, answered, String(perSecond),
      ]);
      const { cpuMs, ...latencyMs } = summaryIn(said);
      const [duration = '', ...lines] = (await readFile(answered, 'utf8').catch(() => '')).trimEnd().split('\n');
      if (duration === '') throw new Error(`wrk did not get an answer to each of ${requests.length} requests:\n${said}`);
      return {
        durationMs: Number(duration), latencyMs, cpuMs,
        answers: lines.map((line) => {
          const [status = '', atMs = ''] = line.split('\t', 2);
          return { status: Number(status), atMs: Number(atMs), body: line.slice(status.length + atMs.length + 2) };
        }),
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  return { name: 'wrk', run, stop: () => Promise.resolve() };
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => { child.kill('SIGKILL'); };
  process.once('exit', end);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { chunks.push(chunk); });
  await once(child, 'close');
  process.off('exit', end);
  return Buffer.concat(chunks).toString();
}

function summaryIn(said: string): { readonly p50: number; readonly p99: number; readonly cpuMs: number } {
  const [, json] = /^BENCH (\{.*\})$/m.exec(said) ?? [];
  if (json === undefined) throw new Error(`wrk has failed:\n${said}`);
  return JSON.parse(json) as { readonly p50: number; readonly p99: number; readonly cpuMs: number };
}
