/** The day passes in steps of five minutes: a lease of ten is two of them. */
export const STEP_MS = 300_000;
export const STEPS_PER_HOUR = 12;
/** More than 24, so that the allocations of the first hours end while there is still traffic. */
export const HOURS = 27;
export const STEPS = HOURS * STEPS_PER_HOUR;
/** In real time a step takes at least this long: the sweepers look every second, and must not fall behind by hours. */
export const STEP_REAL_MS_MIN = 220;

/** The hours in which something is killed, in a rush, because that is when it hurts. */
export const KILL_API_HOUR = 10;
export const KILL_WORKER_HOUR = 15;
/** The worker stays dead for half an hour: leases end meanwhile. */
export const WORKER_DEAD_STEPS = 6;
const RUSH_FACTOR = 10;

export const stepOfHour = (hour: number): number => hour * STEPS_PER_HOUR;
export const hourOf = (step: number): number => Math.floor(step / STEPS_PER_HOUR);
export const isRush = (step: number): boolean => step === stepOfHour(KILL_API_HOUR) || step === stepOfHour(KILL_WORKER_HOUR);

/** Few at night, most in the early afternoon. */
function density(step: number): number {
  const hourOfDay = hourOf(step) % 24;
  const usual = 0.25 + Math.max(0, Math.sin(((hourOfDay - 6) / 16) * Math.PI));
  return isRush(step) ? usual * RUSH_FACTOR : usual;
}

const DENSITIES = Array.from({ length: STEPS }, (_, step) => density(step));
const TOTAL = DENSITIES.reduce((sum, each) => sum + each, 0);

/** How much of the day's traffic has come by the end of a step: from 0 to 1. */
export const shareBy = (step: number): number => DENSITIES.slice(0, step + 1).reduce((sum, each) => sum + each, 0) / TOTAL;
