import { expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { lookupsPerTurn } from '../../../src/stores/postgres/lookups-per-turn.js';

type Statement = { readonly names: readonly string[]; readonly answer: (error?: Error) => void };

/** Lookups over statements that the test answers. */
function lookups() {
  const sent: Statement[] = [];
  const lookUp = lookupsPerTurn((names: readonly string[]) => new Promise<string[]>((resolve, reject) => {
    const answer = (error?: Error): void => {
      if (error === undefined) resolve(names.map((name) => `row of ${name}`));
      else reject(error);
    };
    sent.push({ names, answer });
  }));
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
