import { readOptions, USAGE } from './options.js';
import { runChaos } from './run.js';

/** `npm run chaos`: docs/chaos.md. */
let options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
}
process.exit(await runChaos(options));
