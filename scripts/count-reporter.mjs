import { writeFileSync } from 'node:fs';

/**
 * A jest reporter that lists the skipped tests, whose names have the reason, and writes the numbers of passed and failed tests
 * to a file, which test.mjs reads.
 */
export default class CountReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap((file) => file.testResults).filter(({ status }) => status === 'pending');
    for (const { fullName } of skipped) process.stderr.write(`skipped: ${fullName}\n`);
    const file = process.env.TEST_COUNTS_FILE;
    if (file === undefined) return;
    // A file that fails to load has no tests; it counts as one failure.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    writeFileSync(file, JSON.stringify({ passed: results.numPassedTests, failed }));
  }
}
