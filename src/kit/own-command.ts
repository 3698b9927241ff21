import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './paths.js';

/** Whether this gateway runs from a clone, which has npm's scripts and all documents. A package and an image have neither. */
export const isClone = existsSync(join(projectRoot, 'scripts', 'prepare.mjs'));

/** How a reader mints a token in the folder of this gateway. */
export const tokenCommand = (fromClone: boolean = isClone): string => (fromClone ? 'npm run -s token --' : 'npx credit-gateway token');
