/**
 * `npm run package`: builds, and packs what a user installs. The same as `npm pack`, which cannot build by itself, because .npmrc
 * switches all scripts of packages off. The last line is the name of the file.
 */
import { prepare } from './prepare.mjs';
import { capture, indent, main, say, StepError } from './steps.mjs';

await main(async () => {
  await prepare({ steps: 3 });
  say('[3/3] packing ...');
  const { code, output } = await capture('npm', ['pack', '--loglevel=error', ...process.argv.slice(2)]);
  if (code !== 0) throw new StepError(`npm pack ended with exit code ${code}.\n${indent(output)}`);
  process.stdout.write(output);
});
