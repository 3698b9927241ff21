import { DateTime, IANAZone } from 'luxon';

export const CALENDAR_PERIODS = ['hour', 'day', 'week', 'month'] as const;
export type CalendarPeriod = (typeof CALENDAR_PERIODS)[number];

/** Windows that are known ahead, so that a script rarely meets an instant beyond them: a day, a fortnight, two months, half a year. */
const AHEAD: Readonly<Record<CalendarPeriod, number>> = { hour: 25, day: 15, week: 9, month: 7 };

/** Names that are no zone of their own, such as `local` or an offset, are none. */
export const isTimeZone = (zone: string): boolean => /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone) && IANAZone.isValidZone(zone);

/**
 * Beginnings of calendar windows of a zone, ascending, in milliseconds since 1970: of the window of `nowMs`, of the one
 * before and of those ahead. Weeks begin on Monday. A day without a midnight begins with its first instant, and one that
 * has two with the first of them. @throws RangeError on an unknown zone
 */
export function calendarEdges(period: CalendarPeriod, zone: string, nowMs: number): number[] {
  const now = DateTime.fromMillis(nowMs, { zone });
  if (!now.isValid) throw new RangeError(`no time zone ${zone}`);
  const edges: number[] = [];
  for (let step = -1; step <= AHEAD[period]; step += 1) {
    // An hour is a length of time; days, weeks and months are counted on the calendar, from the noon of the first.
    const within = period === 'hour'
      ? now.plus({ hours: step })
      : now.startOf(period).set({ hour: 12 }).plus({ [`${period}s`]: step });
    const edge = firstOf(within.startOf(period));
    if (edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  }
  return edges;
}

/** Of an instant whose local time occurs twice the first occurrence, where that is midnight. */
function firstOf(start: DateTime): number {
  if (start.hour !== 0) return start.toMillis();
  return Math.min(...start.getPossibleOffsets().map((each) => each.toMillis()));
}
