import { parseArgs } from 'node:util';
import type { Part, PartResult } from './part.js';
import { batch } from './parts/batch.js';
import { drain } from './parts/drain.js';
import { durability } from './parts/durability.js';
import { holds } from './parts/holds.js';
import { idle } from './parts/idle.js';
import { memory } from './parts/memory.js';
import { overload } from './parts/overload.js';
import { queue } from './parts/queue.js';
import { scrape } from './parts/scrape.js';
import { scripts } from './parts/scripts.js';
import { printed, withoutGaps, writeResults } from './results.js';

/**
 * `npm run bench`: all parts, or those of `--only holds,drain`. Prints the figures, and after a full run writes them to
 * bench/results and into the README. `--quick` takes a few minutes and checks answers and books, not figures; it
 * writes with `--write` only. Exits with code 1 when an answer or the books were wrong; a missed target is reported and is no failure.
 */
const PARTS: readonly Part[] = [holds, scripts, memory, drain, overload, batch, queue, durability, scrape, idle];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    /** Writes bench/results and the table of the README, also after a run of some parts, which replaces the figures of these. */
    write: { type: 'boolean', default: false },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { process.exit(1); }); // what was started ends with it
const say = (line: string): void => { process.stderr.write(`${line}\n`); };
const names = values.only?.split(',');
const unknown = names?.filter((name) => !PARTS.some((part) => part.name === name)) ?? [];
if (unknown.length > 0) {
  say(`unknown: ${unknown.join(', ')}. Parts are:\n${PARTS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}`);
  process.exit(1);
}

const results = new Map<string, PartResult>();
for (const part of PARTS.filter(({ name, isQuick = true }) => names?.includes(name) ?? (isQuick || !values.quick))) {
  say(`\n== ${part.name}: ${part.about}`);
  const startedAt = performance.now();
  const result = withoutGaps(await part.run({ quick: values.quick, say: (line) => { say(`   ${line}`); } })
    .catch((error: unknown): PartResult => (
      { figures: [], tables: [], problems: [error instanceof Error ? error.stack ?? error.message : String(error)] })));
  results.set(part.name, result);
  process.stdout.write(`${printed(part.name, result, values.quick)}\n`);
  say(`   ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}
const problems = [...results].flatMap(([name, result]) => result.problems.map((problem) => `${name}: ${problem}`));
if (problems.length > 0) {
  process.stdout.write(`WRONG:\n${problems.slice(0, 20).map((each) => `  ${each}`).join('\n')}\n`);
  process.exit(1);
}
if (values.write || (names === undefined && !values.quick)) {
  writeResults(results, PARTS.map(({ name }) => name), values.quick);
  say('written: bench/results and the table of the README');
}
process.exit(0);
