import { describe, expect, test } from '@jest/globals';
import { cover, GRAINS, type Grain, type Piece } from '../../../src/books/usage-rollup.js';
import { readPeriod, type PeriodText } from '../../../src/credits/usage/period.js';
import { randomOf } from '../../support/random.js';

const iso = (ms: number): string => new Date(ms).toISOString();
const period = (startDate?: PeriodText, endDate?: PeriodText): string[] => {
  const { fromMs, toMs } = readPeriod({ startDate, endDate });
  return [iso(fromMs), iso(toMs)];
};
const refusalOf = (texts: { readonly startDate: PeriodText; readonly endDate: PeriodText }): unknown => {
  try {
    return readPeriod(texts);
  } catch (error) {
    return error;
  }
};
const EVER = ['1970-01-01T00:00:00.000Z', '+010000-01-01T00:00:00.000Z'];

describe('a period, both ends inclusive', () => {
  test.each<[PeriodText, PeriodText, string, string]>([
    ['2026-03-01', '2026-03-01', '2026-03-01T00:00:00.000Z', '2026-03-02T00:00:00.000Z'],
    ['2026-03-01', '2026-03-31', '2026-03-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z'],
    ['2028-02-28', '2028-02-29', '2028-02-28T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['2026-12-31', '2026-12-31', '2026-12-31T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00Z', '2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.001Z'],
    ['2026-03-01T00:00:00.000Z', '2026-03-01T23:59:59.999Z', '2026-03-01T00:00:00.000Z', '2026-03-02T00:00:00.000Z'],
    ['2026-03-01T10:00', '2026-03-01T10:00:30', '2026-03-01T10:00:00.000Z', '2026-03-01T10:00:30.001Z'],
    ['2026-03-01T01:00:00+02:00', '2026-03-01T01:00:00-0530', '2026-02-28T23:00:00.000Z', '2026-03-01T06:30:00.001Z'],
    ['2026-03-01T01:00:00 02:00', '2026-03-01T01:00:00Z', '2026-02-28T23:00:00.000Z', '2026-03-01T01:00:00.001Z'],
    ['2026-03-01T01:00:00.123456789Z', '2026-03-02', '2026-03-01T01:00:00.123Z', '2026-03-03T00:00:00.000Z'],
    ['2016-01-01', '2025-12-31', '2016-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'],
  ])('%s to %s', (startDate, endDate, from, to) => {
    expect(period(startDate, endDate)).toEqual([from, to]);
  });

  test('an end that is left out is no end', () => {
    expect(period()).toEqual(EVER);
    expect(period('', '')).toEqual(EVER);
    expect(period('1900-01-01')).toEqual(EVER);
    expect(period(undefined, '9999-12-31')).toEqual(EVER);
    expect(period('2026-03-01')).toEqual(['2026-03-01T00:00:00.000Z', EVER[1]]);
  });

  test.each<[PeriodText]>([
    ['yesterday'], ['2026'], ['2026-3-1'], ['2026-13-01'], ['2026-00-10'], ['2026-02-30'], ['2027-02-29'], ['2026-04-31'],
    ['2026-03-01T24:00:00Z'],
    ['2026-03-01T10:60:00Z'], ['2026-03-01T10:00:60Z'], ['2026-03-01T10'], ['2026-03-01 10:00:00'], [' 2026-03-01'], ['2026-03-01\0'],
    ['1772323200000'], ['NaN'], ['+02026-03-01'], ['2026-03-01T10:00:00+15:00'], [['2026-03-01', '2026-03-02']],
  ])('%j is refused at either end', (text) => {
    for (const texts of [{ startDate: text, endDate: undefined }, { startDate: undefined, endDate: text }]) {
      const [path] = Object.entries(texts).flatMap(([name, value]) => (value === undefined ? [] : [`query.${name}`]));
      expect(refusalOf(texts)).toMatchObject({
        code: 'invalid_request', message: 'Invalid date format for startDate or endDate', sources: [{ path }],
      });
    }
  });

  test.each([
    ['2026-03-02', '2026-03-01'], ['2026-03-01T10:00:00.001Z', '2026-03-01T10:00:00Z'],
  ])('%s after %s is refused', (startDate, endDate) => {
    expect(() => readPeriod({ startDate, endDate })).toThrow('startDate must not be after endDate');
  });

  test.each([['2016-01-01', '2026-01-01'], ['0202-01-01', '2026-01-01']])('%s to %s is too long', (startDate, endDate) => {
    expect(() => readPeriod({ startDate, endDate })).toThrow('The period must not be longer than 10 years');
  });
});

describe('a period is covered by buckets', () => {
  const at = (text: string): number => Date.parse(text);
  const shown = (pieces: readonly Piece[]): string[] => pieces.map(({ grain, fromMs, toMs }) => `${grain} ${iso(fromMs)} ${iso(toMs)}`);

  test('the largest that fit, with smaller ones at the edges', () => {
    expect(shown(cover(at('2026-01-30T22:30:00Z'), at('2026-04-02T01:00:00.001Z'), GRAINS))).toEqual([
      'record 2026-01-30T22:30:00.000Z 2026-01-30T23:00:00.000Z',
      'hour 2026-01-30T23:00:00.000Z 2026-01-31T00:00:00.000Z',
      'day 2026-01-31T00:00:00.000Z 2026-02-01T00:00:00.000Z',
      'month 2026-02-01T00:00:00.000Z 2026-04-01T00:00:00.000Z',
      'day 2026-04-01T00:00:00.000Z 2026-04-02T00:00:00.000Z',
      'hour 2026-04-02T00:00:00.000Z 2026-04-02T01:00:00.000Z',
      'record 2026-04-02T01:00:00.000Z 2026-04-02T01:00:00.001Z',
    ]);
    expect(shown(cover(at('2028-02-29T00:00:00Z'), at('2028-03-01T00:00:00Z'), GRAINS))).toEqual([
      'day 2028-02-29T00:00:00.000Z 2028-03-01T00:00:00.000Z',
    ]);
    expect(shown(cover(at('2026-03-01T10:00:00Z'), at('2026-03-01T10:00:00.001Z'), GRAINS))).toEqual([
      'record 2026-03-01T10:00:00.000Z 2026-03-01T10:00:00.001Z',
    ]);
    expect(cover(5, 5, GRAINS)).toEqual([]);
  });

  test('always without gap or overlap, whole buckets only, and records of less than two hours', () => {
    const random = randomOf(20_260_301);
    const sizes: readonly (readonly Grain[])[] = [GRAINS, ['day', 'hour']];
    for (let round = 0; round < 5_000; round += 1) {
      const grid = random.pick([1, 1_000, 3_600_000, 86_400_000]);
      const fromMs = Math.floor(random.integer(0, 4_102_444_800_000) / grid) * grid;
      const toMs = fromMs + Math.floor(random.integer(1, random.pick([5_000, 8_000_000, 400_000_000, 200_000_000_000])) / grid) * grid;
      const pieces = cover(fromMs, toMs, random.pick(sizes));
      let endMs = fromMs;
      for (const piece of pieces) {
        expect(piece.fromMs).toBe(endMs);
        endMs = piece.toMs;
        for (const edge of [piece.fromMs, piece.toMs]) {
          const text = iso(edge);
          const isEdge = {
            month: text.endsWith('-01T00:00:00.000Z'), day: text.endsWith('T00:00:00.000Z'), hour: text.endsWith(':00:00.000Z'),
            record: true,
          };
          expect([text, piece.grain, isEdge[piece.grain]]).toEqual([text, piece.grain, true]);
        }
      }
      expect(endMs).toBe(toMs);
      const records = pieces.filter(({ grain }) => grain === 'record');
      expect(records.length).toBeLessThanOrEqual(2);
      for (const piece of records) expect(piece.toMs - piece.fromMs).toBeLessThan(2 * 3_600_000);
    }
  });
});
