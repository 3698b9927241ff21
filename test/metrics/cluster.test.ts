import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

test('a scrape of one worker sees all of them: counts are added, gauges follow their rule', async () => {
  const fixture = new URL('./cluster-fixture.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [fixture], { timeout: 20_000 });
  const lines = stdout.split('\n');
  expect(lines).toEqual(expect.arrayContaining(['cg_replays_total{operation="grant"} 2', 'cg_journal_lag_entries 5']));
  expect(lines.filter((line) => line.startsWith('cg_build_info'))).toHaveLength(1);
});
