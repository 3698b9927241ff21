/**
 * `npm run upgrade -- --from <commit or tag>`: builds the release before in a folder of its own, upgrades it to this one under load, and
 * checks the books. Needs git and the dependencies of both releases to be the same major versions. `--seed`, `--answers` per step.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { projectRoot } from '../../src/kit/paths.js';
import { rollingUpgrade } from './rolling.js';

const { values } = parseArgs({ options: {
  from: { type: 'string' }, seed: { type: 'string', default: '1' }, answers: { type: 'string', default: '200' },
} });
const say = (line: string): void => { process.stdout.write(`${line}\n`); };
if (values.from === undefined) {
  say('usage: npm run upgrade -- --from <commit or tag of the previous release>');
  process.exit(2);
}

const folder = await mkdtemp(join(tmpdir(), 'credit-gateway-previous-'));
const run = promisify(execFile);
const git = (...args: readonly string[]) => run('git', ['-C', projectRoot, ...args]);
try {
  const previous = join(folder, 'release');
  await git('worktree', 'add', '--detach', previous, values.from);
  await symlink(join(projectRoot, 'node_modules'), join(previous, 'node_modules'));
  say(`building ${values.from} ...`);
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { cwd: previous });
  const { wrongs, traffic, entries } = await rollingUpgrade({
    previous, seed: Number(values.seed), answersPerStep: Number(values.answers), say,
  });
  for (const { check, wrongCount, wrong } of wrongs) say(`WRONG ${check}: ${wrongCount}, such as ${wrong.join('; ')}`);
  const { answers, unknown } = traffic;
  say(`${answers} answers, ${unknown} repeated because their outcome was unknown, ${entries} entries, ${wrongs.length} checks failed`);
  process.exitCode = wrongs.length === 0 ? 0 : 1;
} finally {
  await git('worktree', 'remove', '--force', join(folder, 'release')).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
}
process.exit();
