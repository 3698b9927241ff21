import { expect, test } from '@jest/globals';
import { calendarEdges, isTimeZone, type CalendarPeriod } from '../../src/ledger/calendar-edges.js';

/** The window of an instant: where it begins and ends. */
function windowOf(period: CalendarPeriod, zone: string, at: string): string {
  const now = Date.parse(at);
  const edges = calendarEdges(period, zone, now);
  expect(edges).toEqual([...new Set(edges)].sort((a, b) => a - b));
  const next = edges.findIndex((edge) => edge > now);
  return edges.slice(next - 1, next + 1).map((edge) => new Date(edge).toISOString().replace(':00.000Z', 'Z')).join(' ');
}

test.each<[CalendarPeriod, string, string, string]>([
  ['day', 'UTC', '2026-03-01T12:00:00Z', '2026-03-01T00:00Z 2026-03-02T00:00Z'],
  // The day on which summer time begins has 23 hours, the one on which it ends 25.
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00Z 2026-03-29T22:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00Z 2026-10-25T23:00Z'],
  ['day', 'America/New_York', '2026-11-01T05:30:00Z', '2026-11-01T04:00Z 2026-11-02T05:00Z'],
  // A day that has no midnight, and one that has two: the first of them begins it.
  ['day', 'America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06T04:00Z 2026-09-07T03:00Z'],
  ['day', 'America/Havana', '2026-11-01T12:00:00Z', '2026-11-01T04:00Z 2026-11-02T05:00Z'],
  ['hour', 'Asia/Kathmandu', '2026-05-05T10:20:00Z', '2026-05-05T10:15Z 2026-05-05T11:15Z'],
  ['hour', 'Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25T01:00Z 2026-10-25T02:00Z'],
  ['week', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-22T23:00Z 2026-03-29T22:00Z'],
  ['week', 'UTC', '2027-01-01T00:00:00Z', '2026-12-28T00:00Z 2027-01-04T00:00Z'],
  // From a 31st, the months before and after it have 30 or fewer days.
  ['month', 'UTC', '2026-01-31T23:59:59Z', '2026-01-01T00:00Z 2026-02-01T00:00Z'],
  ['month', 'UTC', '2026-03-31T10:00:00Z', '2026-03-01T00:00Z 2026-04-01T00:00Z'],
  ['month', 'Europe/Berlin', '2026-10-31T23:30:00Z', '2026-10-31T23:00Z 2026-11-30T23:00Z'],
  ['month', 'Pacific/Auckland', '2026-08-31T12:30:00Z', '2026-08-31T12:00Z 2026-09-30T11:00Z'],
])('the %s in %s of %s', (period, zone, at, window) => {
  expect(windowOf(period, zone, at)).toBe(window);
});

test('the edges cover a stretch of time before and ahead without a gap', () => {
  const now = Date.parse('2026-01-31T22:00:00Z');
  expect(calendarEdges('month', 'UTC', now).map((edge) => new Date(edge).toISOString().slice(0, 10))).toEqual([
    '2025-12-01', '2026-01-01', '2026-02-01', '2026-03-01', '2026-04-01', '2026-05-01', '2026-06-01', '2026-07-01', '2026-08-01',
  ]);
});

test('only zones of the IANA list', () => {
  expect(['UTC', 'Europe/Berlin', 'Etc/GMT+5'].map(isTimeZone)).toEqual([true, true, true]);
  expect(['', 'Mars/Olympus', 'local', 'Europe/Berlin\t'].map(isTimeZone)).toEqual([false, false, false, false]);
});
