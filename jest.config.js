/** Jest runs what `tsc` built: the code that ships is the code that is tested. */
export default {
  rootDir: import.meta.dirname,
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  testEnvironment: '<rootDir>/scripts/jest/environment.mjs',
  moduleNameMapper: { '^typebox$': '<rootDir>/scripts/jest/typebox.cjs', '^typebox/(\\w+)$': '<rootDir>/scripts/jest/typebox-$1.cjs' },
  transform: {},
  // A guard against a test that hangs; what a test expects of time it states itself.
  testTimeout: 180_000 * Math.max(1, Number(process.env.SOAK ?? 0)),
  globalSetup: '<rootDir>/dist/test/support/global-setup.js',
  globalTeardown: '<rootDir>/dist/test/support/global-teardown.js',
  maxWorkers: 2,
  // Node 20 never frees an ES module of a vm context, so each test file leaves 15 to 30 MB behind. A worker whose heap is
  // larger than this when a file has ended is replaced.
  workerIdleMemoryLimit: '400MB',
};
