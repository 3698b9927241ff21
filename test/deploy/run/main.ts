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

const USAGE = `npm run compose:verify -- [--folder <path>] [--only <text>] [--keep]
  --folder  where podman keeps images, where Docker does not answer; default ${join(tmpdir(), 'cgt')}
  --only    runs the checks whose names contain this text
  --keep    leaves the containers and the checkout for a look`;

const CHECKS: readonly Check[] = [...START_CHECKS, ...PART_CHECKS, pod, ...FAULT_CHECKS];

/** Prints a line of the report. Answers whether it is wrong. */
async function reported(name: string, body: () => Promise<string>): Promise<boolean> {
  const startedAt = performance.now();
  const outcome = await body().then((seen) => ({ seen, isWrong: false }), (error: unknown) => ({
    seen: error instanceof Error ? error.message : String(error), isWrong: true,
  }));
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4);
  say(`${outcome.isWrong ? 'WRONG' : 'ok   '} ${seconds} s  ${name}\n              ${outcome.seen}`);
  return outcome.isWrong;
}

/** The lines of docs/deployment.md, as they are, in a checkout that only its owner can read. */
async function start(stack: Stack): Promise<string> {
  await stack.lines(linesOf('docs/deployment.md', '## Docker Compose'));
  return `${await stack.healthy()} services`;
}

/** Answers whether everything is right. */
async function verify(stack: Stack, only: string): Promise<boolean> {
  await stack.clear();
  say('building the image and starting the services: some minutes ...');
  if (await reported('the lines of docs/deployment.md start everything, from a checkout under umask 077', () => start(stack))) {
    const logs = await stack.outcome(['compose', 'logs', '--tail', '20']);
    say(logs.output);
    return false;
  }
  const subject = { stack, api: await operatorApi(stack) };
  const checks = CHECKS.filter(({ name }) => name.includes(only));
  let wrong = 0;
  for (const { name, run } of checks) wrong += await reported(name, () => run(subject)) ? 1 : 0;
  say(`${checks.length + 1 - wrong} passed, ${wrong} failed`);
  return wrong === 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: join(tmpdir(), 'cgt') }, only: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
    },
  });
  const engine = await dockerEngine() ?? await podmanEngine(values.folder);
  say(`engine: ${engine.name}`);
  for (const line of engine.standIns) say(`stands in: ${line}`);
  if (engine.leftOut.length > 0) say(`left out, for want of an image: ${engine.leftOut.join(', ')}`);
  const stack = await openStack(engine);
  try {
    return await verify(stack, values.only) ? 0 : 1;
  } finally {
    if (values.keep) say(`kept: ${stack.folder}`);
    else await stack.discard();
    engine.close();
  }
}

// Ends what runs in the background; the containers stay, and the next run removes them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(130); });
try {
  process.exitCode = await main();
} catch (error) {
  const isMisused = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error([error instanceof Error ? error.message : String(error), ...(isMisused ? [USAGE] : [])].join('\n'));
  process.exitCode = 2;
}
