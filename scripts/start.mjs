/** `npm start`: prepares a fresh clone, then runs the gateway in this process, so that it receives signals directly. */
import { main, prepare, say } from './prepare.mjs';

const STEPS = 3;
await main(() => prepare({ steps: STEPS }));
say(`[3/${STEPS}] starting`);
await import('../dist/src/main.js');
