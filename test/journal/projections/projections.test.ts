import { describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { oncePerBatch, type FreshBatch, type Projection } from '../../../src/journal/projections/projection.js';
import { projections } from '../../../src/journal/projections/projections.js';
import { projectRoot } from '../../../src/kit/paths.js';
import type { Trx } from '../../../src/stores/postgres/connect.js';

const FOLDER = join(projectRoot, 'dist', 'src', 'journal', 'projections');

const isProjection = (value: unknown): value is Projection =>
  typeof value === 'object' && value !== null && 'name' in value && 'fold' in value && 'write' in value;

test('the list names every projection of the folder once', async () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.js') && file !== 'projections.js');
  const modules = await Promise.all(files.map(async (file) =>
    await import(pathToFileURL(join(FOLDER, file)).href) as Readonly<Record<string, unknown>>));
  const found = modules.flatMap((module) => Object.values(module)).filter(isProjection);
  expect(found.length).toBeGreaterThan(0);
  expect(projections.map(({ name }) => name).sort()).toEqual(found.map(({ name }) => name).sort());
  expect(new Set(projections).size).toBe(projections.length);
  expect(new Set(projections.map(({ name }) => name)).size).toBe(projections.length);
});

test.each([['accounts', 'freezes'], ['changed holds', 'placed holds']])('%s come before %s', (first, second) => {
  const names = projections.map(({ name }) => name);
  expect(names.indexOf(first)).toBeGreaterThanOrEqual(0);
  expect(names.indexOf(second)).toBeGreaterThan(names.indexOf(first));
});

describe('a fold that two projections share', () => {
  const batch = (): FreshBatch => ({
    fresh: [], accounts: [], factsOf: () => { throw new Error('no entries'); }, unreadable: [], entryName: (model) => model,
  });
  const trx = undefined as unknown as Trx; // nothing is read

  test('runs once for each batch', () => {
    let runs = 0;
    const fold = oncePerBatch(() => { runs += 1; return runs; });
    const [first, second] = [batch(), batch()];
    expect([fold(first, trx), fold(first, trx), fold(second, trx), fold(first, trx)]).toEqual([1, 1, 2, 1]);
  });

  test('runs once even when it returns undefined', () => {
    let runs = 0;
    const fold = oncePerBatch((): undefined => { runs += 1; return undefined; });
    const one = batch();
    fold(one, trx);
    fold(one, trx);
    expect(runs).toBe(1);
  });
});
