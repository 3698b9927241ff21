/**
 * `node scripts/run.mjs <module> [arguments]`: builds if needed, then runs the module in this process. Examples, and the verification of
 * docker-compose.yml, run as `npm start` does: with the packages of production and their types removed, not checked. Everything else runs
 * from `dist`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, prepareExamples } from './prepare.mjs';
import { main, root, StepError } from './steps.mjs';

/** What runs like an example, and the packages of development that it needs. */
const PACKAGES = { 'examples/': [], 'examples/chat-proxy/': ['gpt-tokenizer'], 'test/deploy/run/': ['yaml'] };

const [module, ...args] = process.argv.slice(2);
const isStripped = Object.keys(PACKAGES).some((path) => module?.startsWith(path));
const folder = join(root, isStripped ? 'build' : 'dist');
await main(async () => {
  if (module === undefined) throw new StepError('usage: node scripts/run.mjs <module, such as bench/main.js> [arguments]');
  if (isStripped) await prepareExamples(Object.entries(PACKAGES).flatMap(([path, names]) => (module.startsWith(path) ? names : [])));
  else await prepare({ quiet: true });
  if (!existsSync(join(folder, module))) throw new StepError(`there is no module ${module} below ${folder}`);
});
const path = join(folder, module);
process.argv.splice(1, process.argv.length, path, ...args); // the module sees only its own arguments
await import(pathToFileURL(path).href);
