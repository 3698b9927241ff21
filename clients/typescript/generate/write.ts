import { writeFileSync } from 'node:fs';
import { nativeDocument } from './document.js';
import { TYPES_FILE, typesOf } from './types.js';

/** `npm run client:types`: writes the types of the TypeScript client from the routes of the gateway. */
writeFileSync(TYPES_FILE, await typesOf(nativeDocument()));
process.stdout.write('wrote clients/typescript/src/generated.ts\n');
