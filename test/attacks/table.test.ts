import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pathOf, textOf } from '../deploy/documents.js';

const ATTACKS = 65;
const document = textOf('docs/attacks.md');
const rows = document.split('\n').map((line) => /^\| (\d+) \|.*\| (.*) \|$/.exec(line))
  .flatMap((match) => (match === null ? [] : [{ attack: Number(match[1]), tests: match[2] ?? '' }]));

test('every attack has its row, once', () => {
  expect(rows.map(({ attack }) => attack)).toEqual(Array.from({ length: ATTACKS }, (_, index) => index + 1));
});

test('every test that a row names is there, under that title', () => {
  const missing = rows.flatMap(({ attack, tests }) => {
    const named = tests.split('; ').map((each) => /^`(test\/[\w/.-]+\.test\.ts)` "(.+)"$/.exec(each));
    return named.flatMap((match) => {
      if (match === null) return [`${attack}: ${tests}`];
      const [, path = '', title = ''] = match;
      return existsSync(pathOf(path)) && textOf(path).includes(title) ? [] : [`${attack}: ${path} ${title}`];
    });
  });
  expect(missing).toEqual([]);
});
