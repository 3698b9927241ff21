import { parseArgs } from 'node:util';

export type NightOptions = { readonly minutes: number; readonly withPrometheus: boolean };

export const USAGE = 'usage: npm run night -- [--minutes 5] [--prometheus]';

/** The tokens of the load are good for fifty minutes. */
const MINUTES_MAX = 45;

/** Reads the command line. Throws an Error with what is wrong with it. */
export function readOptions(args: readonly string[]): NightOptions {
  const { values } = parseArgs({
    args: [...args], options: { minutes: { type: 'string', default: '5' }, prometheus: { type: 'boolean', default: false } },
  });
  const minutes = Number(values.minutes);
  if (!/^\d+$/.test(values.minutes) || minutes < 1 || minutes > MINUTES_MAX) {
    throw new Error(`--minutes must be an integer from 1 to ${MINUTES_MAX}, not "${values.minutes}"`);
  }
  return { minutes, withPrometheus: values.prometheus };
}
