import { expect, test } from '@jest/globals';
import { capacityText } from '../../bench/parts/holds-capacity.js';
import { svgOf } from '../../bench/plot.js';
import { printed } from '../../bench/results.js';

test('a figure shows its median and spread, and whether it meets its target', () => {
  const text = printed('part', {
    figures: [
      { id: 'P1', name: 'low', target: { atMost: 1.25 }, values: [1.1, 9, 1.2] },
      { id: 'P2', name: 'high', target: { atLeast: 2 }, values: [1.5] },
      { id: 'P3', name: 'absent', target: { atLeast: 2 }, values: [] },
      { id: 'P4', name: 'without a base', target: { atLeast: 2 }, values: [NaN, NaN] },
    ],
    tables: [{ title: 'table', columns: ['', 'per s'], rows: [['one', '7'], ['none', NaN.toFixed(0)]] }], problems: [], notes: ['a note'],
  });
  expect(text).toMatch(/P1 +low +1\.20 +1\.10 to 9\.00 +≤ 1\.25 +met\n/);
  expect(text).toMatch(/P2 +high +1\.50 +≥ 2 +missed\n/);
  expect(text).toMatch(/P3 +absent +not measured +≥ 2\n/);
  expect(text).toMatch(/P4 +without a base +not measured +≥ 2\n/);
  expect(text).toMatch(/none +not measured\n/);
  expect(text).toContain('- a note');
});

test('capacity is load times processor time, divided by how busy one may be, rounded up', () => {
  const cpuMicros = { server: 240, redis: 100, worker: 120, postgres: 60, load: 1_000 };
  const text = capacityText([
    { round: 0, side: 'gateway', isHot: false, cpuMicros },
    { round: 0, side: 'postgres', isHot: false, cpuMicros: { ...cpuMicros, server: 9_999 } },
  ]);
  expect(text).toContain('| API processes | 240 µs | 60 % | 2500 |');
  expect(text).toContain('| 1 × | 500 | 1 | 1 | 1 | 1 |');
  expect(text).toContain('| 100 × | 50000 | 20 | 10 | 10 | 5 |');
});

test('a plot is as wide as its longest bar and escapes names', () => {
  const svg = svgOf({
    file: 'x', title: 'a < b', bars: [{ name: 'one & two', values: { a: 1, b: 2 } }, { name: 'three', values: { a: 6 } }],
  });
  expect(svg).toContain('a &lt; b');
  expect(svg).toContain('one &amp; two');
  expect(svg.match(/height="22"/g)).toHaveLength(4);
});
