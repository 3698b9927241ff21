import { writeFileSync } from 'node:fs';

/** Writes jest's counts to the file that test.mjs names, so that nobody has to read them off the screen. */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.TEST_COUNTS_FILE;
    if (file === undefined) return;
    // A file that does not even load has no tests to fail; it counts as one failure.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    writeFileSync(file, JSON.stringify({ passed: results.numPassedTests, failed }));
  }
}
