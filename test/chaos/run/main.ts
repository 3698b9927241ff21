import { readOptions, USAGE } from './options.js';
import { runChaos } from './run.js';

/** Each server and each process of the gateway listens for the end of this one. */
const LISTENERS_MAX = 40;

/** `npm run chaos`: docs/chaos.md. */
process.setMaxListeners(LISTENERS_MAX);
let options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
}
process.exit(await runChaos(options));
