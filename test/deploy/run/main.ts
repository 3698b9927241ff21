import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { operatorApi } from './api.js';
import { FAULT_CHECKS } from './check-faults.js';
import { PART_CHECKS } from './check-parts.js';
import { pod } from './check-pod.js';
import { START_CHECKS } from './check-start.js';
import type { Check } from './check.js';
import { dockerEngine } from './docker.js';
import { say } from './engine.js';
import { podmanEngine } from './podman.js';
import { linesOf, openStack, type Stack } from './stack.js';

/** `npm run compose:verify`: docs/deployment.md, "What was verified". */

const USAGE = `npm run compose:verify -- [--folder <path>] [--keep]
  --folder  where podman keeps images, where Docker does not answer; default ${join(tmpdir(), 'cgt')}
  --keep    leaves the containers and the checkout for a look`;

const CHECKS: readonly Check[] = [...START_CHECKS, ...PART_CHECKS, pod, ...FAULT_CHECKS];

type Line = { readonly name: string; readonly seconds: number; readonly seen?: string; readonly wrong?: string };

async function timed(name: string, body: () => Promise<string>): Promise<Line> {
  const startedAt = performance.now();
  const outcome = await body().then((seen) => ({ seen }), (error: unknown) => ({ wrong: error instanceof Error ? error.message : String(error) }));
  const line: Line = { name, seconds: (performance.now() - startedAt) / 1_000, ...outcome };
  say(`${line.wrong === undefined ? 'ok    ' : 'WRONG '} ${line.seconds.toFixed(0).padStart(4)} s  ${name}\n              ${line.seen ?? line.wrong ?? ''}`);
  return line;
}

/** The lines of docs/deployment.md, as they are, in a checkout that only its owner can read. */
async function start(stack: Stack): Promise<string> {
  await stack.lines(linesOf('docs/deployment.md', '## Docker Compose'));
  return `${await stack.healthy()} services`;
}

async function verify(stack: Stack): Promise<readonly Line[]> {
  await stack.clear();
  say('building the image and starting the services: some minutes ...');
  const first = await timed('the lines of docs/deployment.md start everything, from a checkout under umask 077', () => start(stack));
  if (first.wrong !== undefined) {
    const logs = await stack.outcome(['compose', 'logs', '--tail', '20']);
    say(logs.output);
    return [first];
  }
  const subject = { stack, api: await operatorApi(stack) };
  const lines = [first];
  for (const { name, run } of CHECKS) lines.push(await timed(name, () => run(subject)));
  return lines;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { folder: { type: 'string', default: join(tmpdir(), 'cgt') }, keep: { type: 'boolean', default: false } } });
  const engine = await dockerEngine() ?? await podmanEngine(values.folder);
  say(`engine: ${engine.name}`);
  for (const line of engine.standIns) say(`stands in: ${line}`);
  if (engine.leftOut.length > 0) say(`left out, for want of an image: ${engine.leftOut.join(', ')}`);
  const stack = await openStack(engine);
  let wrong = 1;
  try {
    const lines = await verify(stack);
    wrong = lines.filter((line) => line.wrong !== undefined).length;
    say(`${lines.length - wrong} passed, ${wrong} failed`);
  } finally {
    if (values.keep) say(`kept: ${stack.folder}`);
    else await stack.discard();
    engine.close();
  }
  return wrong === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
