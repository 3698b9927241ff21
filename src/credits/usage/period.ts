import { DAY_MS, type Period } from '../../books/usage-rollup.js';
import { GatewayError } from '../../kit/errors.js';

/** Ten years, leap days included: what is asked for by mistake (the year 202) is refused, not answered with zeros. */
const PERIOD_DAYS_MAX = 3_653;
const BEGINNING_MS = 0;
const END_MS = Date.UTC(10_000, 0, 1);

/** The text of the service's own documentation (docs/contracts/accounting-service.md#usage). */
const INVALID = 'Invalid date format for startDate or endDate';

/** A date, or a date and time. `+` arrives as a space where a caller forgot to encode it; nothing else could be meant. */
const DATE = /^(\d{4}-\d\d-\d\d)(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?(Z|[ +-](?:0\d|1[0-4]):?[0-5]\d)?)?$/i;

export type PeriodTexts = { readonly startDate: PeriodText; readonly endDate: PeriodText };
/** As a query string gives it: several of one name make a list. Absent or empty: no bound. */
export type PeriodText = string | readonly string[] | undefined;

/**
 * Reads a period with both ends inclusive: an `endDate` without a time means all of that day. What has no zone is UTC.
 *
 * @throws GatewayError invalid_request.
 */
export function readPeriod({ startDate, endDate }: PeriodTexts): Period {
  const from = readInstant(startDate, 'query.startDate');
  const to = readInstant(endDate, 'query.endDate');
  if (from !== null && to !== null) {
    if (from.atMs >= to.endMs) throw refusal('startDate must not be after endDate', 'query.startDate', 'is after endDate');
    if (to.endMs - from.atMs > PERIOD_DAYS_MAX * DAY_MS) {
      throw refusal('The period must not be longer than 10 years', 'query.startDate', 'is more than 10 years before endDate');
    }
  }
  return { fromMs: Math.max(BEGINNING_MS, from?.atMs ?? BEGINNING_MS), toMs: Math.min(END_MS, to?.endMs ?? END_MS) };
}

/** The instant a text names, and the end of what it names when it is inclusive. */
type Instant = { readonly atMs: number; readonly endMs: number };

function readInstant(text: PeriodText, path: string): Instant | null {
  if (text === undefined || text === '') return null;
  const parts = typeof text === 'string' ? DATE.exec(text) : null;
  const dayMs = parts === null ? Number.NaN : dayStart(parts[1] ?? '');
  if (parts === null || Number.isNaN(dayMs)) throw refusal(INVALID, path, 'must be an ISO 8601 date or date-time');
  const [, , hours, minutes, seconds = '0', fraction = '', zone = 'Z'] = parts;
  if (hours === undefined) return { atMs: dayMs, endMs: dayMs + DAY_MS };
  const timeMs = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3));
  const atMs = dayMs + timeMs - zoneMs(zone);
  return { atMs, endMs: atMs + 1 };
}

/** NaN for what the calendar does not have: some of it, such as 30 February, `Date.parse` takes for a day in March. */
function dayStart(date: string): number {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date) ? ms : Number.NaN;
}

function zoneMs(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

const refusal = (message: string, path: string, problem: string): GatewayError =>
  new GatewayError('invalid_request', message, { sources: [{ path, message: problem }] });
