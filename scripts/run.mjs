/** `node scripts/run.mjs <module below dist> [arguments]`: builds if needed, then runs the module in this process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { main, root, StepError } from './steps.mjs';

const [module, ...args] = process.argv.slice(2);
await main(async () => {
  if (module === undefined) throw new StepError('usage: node scripts/run.mjs <module below dist, such as src/cli/token.js> [arguments]');
  await prepare({ quiet: true });
  if (!existsSync(join(root, 'dist', module))) throw new StepError(`there is no module ${module} below dist`);
});
const path = join(root, 'dist', module);
process.argv.splice(1, process.argv.length, path, ...args); // the module sees only its own arguments
await import(pathToFileURL(path).href);
