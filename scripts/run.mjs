/**
 * `node scripts/run.mjs <module> [arguments]`: builds if needed, then runs the module in this process. Examples run as `npm start` does:
 * with the packages of production and their types removed, not checked. Everything else runs from `dist`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare, prepareExamples } from './prepare.mjs';
import { main, root, StepError } from './steps.mjs';

/** Examples that need a package of development. */
const PACKAGES = { 'examples/chat-proxy/': ['gpt-tokenizer'] };

const [module, ...args] = process.argv.slice(2);
const isExample = module?.startsWith('examples/') === true;
const folder = join(root, isExample ? 'build' : 'dist');
await main(async () => {
  if (module === undefined) throw new StepError('usage: node scripts/run.mjs <module, such as bench/main.js> [arguments]');
  if (isExample) await prepareExamples(Object.entries(PACKAGES).flatMap(([path, names]) => (module.startsWith(path) ? names : [])));
  else await prepare({ quiet: true });
  if (!existsSync(join(folder, module))) throw new StepError(`there is no module ${module} below ${folder}`);
});
const path = join(folder, module);
process.argv.splice(1, process.argv.length, path, ...args); // the module sees only its own arguments
await import(pathToFileURL(path).href);
