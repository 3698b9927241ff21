/** A half-open time span in milliseconds since 1970. Records have whole milliseconds, so "until 9:00 inclusive" is 9:00 plus 1 ms. */
export type Period = { readonly fromMs: number; readonly toMs: number };

/** Sizes of the roll-ups' buckets (migration 0003), largest first. All begin in UTC. */
export const GRAINS = ['month', 'day', 'hour'] as const;
export type Grain = (typeof GRAINS)[number];

/** Part of a period, half-open: whole buckets of one size, or single records (`record`) where no bucket fits. */
export type Piece = { readonly grain: Grain | 'record'; readonly fromMs: number; readonly toMs: number };

/** Services whose operation is a model (docs/contracts/accounting-service.md#usage). */
const MODEL_SERVICES = `('chat', 'chat-streaming')`;
/** Longer names are cut in roll-ups, whose key must fit a page of the index. No dialect accepts longer ones. */
const NAME_LENGTH_MAX = 200;

/** SQL: the name under which a service or a model is summed up. */
export const rollupName = (column: string): string => `left(${column}, ${NAME_LENGTH_MAX})`;

/** SQL: the model that was used, or null. */
export const modelOf = (service: string, operation: string): string =>
  `case when ${service} in ${MODEL_SERVICES} then ${rollupName(operation)} end`;

/**
 * Covers a period with the largest buckets of the given sizes that fit. For any length there is at most one piece of
 * the largest size and two of each smaller size at its edges; single records are read from two hours at most.
 */
export function cover(fromMs: number, toMs: number, grains: readonly Grain[]): Piece[] {
  if (fromMs >= toMs) return [];
  const [grain, ...smaller] = grains;
  if (grain === undefined) return [{ grain: 'record', fromMs, toMs }];
  const startMs = startOf(grain, fromMs);
  const firstMs = startMs === fromMs ? fromMs : startOf(grain, startMs + LONGEST_MS[grain]);
  const lastMs = startOf(grain, toMs);
  if (firstMs >= lastMs) return cover(fromMs, toMs, smaller);
  return [...cover(fromMs, firstMs, smaller), { grain, fromMs: firstMs, toMs: lastMs }, ...cover(lastMs, toMs, smaller)];
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Adding this to any start reaches the next bucket: no month is shorter than 28 days, none longer than 31. */
const LONGEST_MS: Readonly<Record<Grain, number>> = { hour: HOUR_MS, day: DAY_MS, month: 31 * DAY_MS };

function startOf(grain: Grain, ms: number): number {
  if (grain === 'month') {
    const at = new Date(ms);
    return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
  }
  const size = LONGEST_MS[grain];
  return Math.floor(ms / size) * size;
}
