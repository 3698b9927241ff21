/**
 * `npm test`: prepare, lint, jest. With arguments (`npm test -- holds`), and on a Redis Cluster (`npm run test:cluster`), it
 * does not lint. The last line is for CI: `N passed, N failed`.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { main, root, runNode, say } from './steps.mjs';

const args = process.argv.slice(2);
const lints = args.length === 0 && process.env.TEST_REDIS !== 'cluster';
const steps = lints ? 4 : 3;

await main(async () => {
  await prepare({ steps });
  let lintCode = 0;
  if (lints) {
    say(`[3/${steps}] linting ...`);
    lintCode = await runNode(['node_modules/eslint/bin/eslint.js', '.']);
  }
  say(`[${steps}/${steps}] testing ...`);
  const { code, passed, failed } = await runJest();
  if (lintCode !== 0) say('linting failed: see above');
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = code === 0 ? lintCode : code;
});

async function runJest() {
  const countsFile = join(root, '.cache', `test-counts-${process.pid}.json`); // prepare creates .cache
  try {
    const code = await runNode(
      [
        '--experimental-vm-modules', // jest needs it for ES modules
        '--disable-warning=ExperimentalWarning',
        'node_modules/jest/bin/jest.js',
        ...args, // first: --reporters takes several values and would consume a test's name
        '--reporters=default',
        '--reporters=<rootDir>/scripts/count-reporter.mjs',
      ],
      { env: { ...process.env, TEST_COUNTS_FILE: countsFile } },
    );
    return { code, ...readCounts(countsFile, code) };
  } finally {
    rmSync(countsFile, { force: true });
  }
}

/** Without a file jest ended before it ran a test, for example because Redis could not be started: a failure. */
function readCounts(file, code) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: code === 0 ? 0 : 1 };
  }
}
