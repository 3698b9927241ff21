/** `npm start`: everything a fresh clone needs, then the gateway in this very process, so signals go straight to it. */
import { main, prepare, say } from './prepare.mjs';

const STEPS = 3;
await main(() => prepare({ steps: STEPS }));
say(`[3/${STEPS}] starting`);
await import('../dist/src/main.js');
