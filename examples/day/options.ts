import { parseArgs } from 'node:util';

export type DayOptions = { readonly users: number; readonly sessions: number; readonly seed: number };

export const USAGE = `usage: npm run day -- [--users 60] [--sessions 5000] [--seed 1]`;

const BOUNDS = { users: [1, 1_000], sessions: [1, 1_000_000], seed: [0, 4_294_967_295] } as const;
const DEFAULTS = { users: '60', sessions: '5000', seed: '1' };

/** Reads the command line. Throws an Error with all that is wrong with it. */
export function readOptions(args: readonly string[]): DayOptions {
  const options = {
    users: { type: 'string', default: DEFAULTS.users },
    sessions: { type: 'string', default: DEFAULTS.sessions },
    seed: { type: 'string', default: DEFAULTS.seed },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const problems: string[] = [];
  const integer = (name: keyof DayOptions): number => {
    const [min, max] = BOUNDS[name];
    const value = Number(values[name]);
    if (!/^\d+$/.test(values[name]) || value < min || value > max) {
      problems.push(`--${name} must be an integer from ${min} to ${max}, not "${values[name]}"`);
    }
    return value;
  };
  const read = { users: integer('users'), sessions: integer('sessions'), seed: integer('seed') };
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return read;
}
