import { expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { until } from '../../chaos/lab.js';
import { lookupsPerTurn } from '../../../src/stores/postgres/lookups-per-turn.js';

type Statement = { readonly names: readonly string[]; readonly answer: (error?: Error) => void };

/** Lookups over statements that the test answers. They hold back others for as long as they are told to, by default for ever. */
function lookups(holdsBackMs = 2 ** 31 - 1) {
  const sent: Statement[] = [];
  const lookUp = lookupsPerTurn((names: readonly string[]) => new Promise<string[]>((resolve, reject) => {
    const answer = (error?: Error): void => {
      if (error === undefined) resolve(names.map((name) => `row of ${name}`));
      else reject(error);
    };
    sent.push({ names, answer });
  }), Infinity, holdsBackMs);
  return { sent, lookUp };
}

const namesOf = (sent: readonly Statement[]): string[] => sent.map(({ names }) => names.join(' '));

test('lookups of one turn are one statement, and two statements are under way at most', async () => {
  const { sent, lookUp } = lookups();
  const first = [lookUp('a'), lookUp('b')];
  await setImmediate();
  const second = [lookUp('c')];
  await setImmediate();
  const third: Promise<string>[] = [];
  for (const name of ['d', 'e', 'f']) {
    third.push(lookUp(name));
    await setImmediate();
  }
  expect(namesOf(sent)).toEqual(['a b', 'c']);

  sent[0]?.answer();
  expect(await Promise.all(first)).toEqual(['row of a', 'row of b']);
  await setImmediate();
  expect(namesOf(sent)).toEqual(['a b', 'c', 'd e f']);
  sent[1]?.answer();
  sent[2]?.answer();
  expect(await Promise.all([...second, ...third])).toEqual(['c', 'd', 'e', 'f'].map((name) => `row of ${name}`));
});

test('a statement that fails makes room for the next', async () => {
  const { sent, lookUp } = lookups();
  const failing = [];
  for (const name of ['a', 'b']) {
    failing.push(lookUp(name));
    await setImmediate();
  }
  const next = lookUp('c');
  await setImmediate();
  expect(namesOf(sent)).toEqual(['a', 'b']);
  sent[0]?.answer(new Error('gone'));
  sent[1]?.answer(new Error('gone'));
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await setImmediate();
  expect(namesOf(sent)).toEqual(['a', 'b', 'c']);
  sent[2]?.answer();
  expect(await next).toBe('row of c');
});

test('statements that hang hold back no others', async () => {
  const { sent, lookUp } = lookups(1);
  const hanging = [];
  for (const name of ['a', 'b']) {
    hanging.push(lookUp(name));
    await setImmediate();
  }
  const next = lookUp('c');
  await until('another statement is sent', () => Promise.resolve(sent.length === 3));
  sent[2]?.answer();
  expect(await next).toBe('row of c');
  for (const each of sent) each.answer();
  expect(await Promise.all(hanging)).toEqual(['row of a', 'row of b']);
});
