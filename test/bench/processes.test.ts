import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { allowedCores } from '../../bench/cores.js';
import { cpuMs } from '../../bench/processes.js';

const BURNT_MS = 300;
const burn = `while (process.cpuUsage().user < ${BURNT_MS * 1_000}) Math.random();`;

(existsSync('/proc') ? test : test.skip)('the processor time of a child counts after it has ended, too', () => {
  const before = cpuMs(process.pid);
  spawnSync(process.execPath, ['-e', burn]);
  expect(cpuMs(process.pid) - before).toBeGreaterThanOrEqual(BURNT_MS - 20); // two values in hundredths of a second
});

test('the processors of a process are those that it may use', () => {
  expect(allowedCores('Name:\tnode\nCpus_allowed_list:\t2-4,7\nMems_allowed:\t1\n')).toEqual([2, 3, 4, 7]);
  expect(allowedCores('')).toEqual([]);
});
