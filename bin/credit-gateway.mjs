#!/usr/bin/env node
/**
 * The command `credit-gateway`. In a clone it first installs and builds what is missing; a package and an image contain the
 * build. Nothing else is loaded before, so that signals are obeyed and errors are told from the first moment.
 */
import { existsSync } from 'node:fs';

const here = (path) => new URL(`../${path}`, import.meta.url);
const ENTRY = 'src/cli/main.js';

process.setSourceMapsEnabled(true);
if (existsSync(here('scripts/prepare.mjs'))) {
  const { main } = await import(here('scripts/steps.mjs').href);
  const { prepareToRun } = await import(here('scripts/prepare.mjs').href);
  await main(() => prepareToRun({ quiet: process.argv[2] !== 'serve' }));
  await import(here(`build/${ENTRY}`).href);
} else if (existsSync(here(`dist/${ENTRY}`))) {
  await import(here(`dist/${ENTRY}`).href);
} else {
  process.stderr.write('This package was packed without its build. What to do: make it with `npm run package`.\n');
  process.exitCode = 1;
}
