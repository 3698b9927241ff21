import { parseArgs } from 'node:util';

export type Options = {
  /** What the gateway runs on: one Redis with a replica, or a Redis Cluster of six nodes. */
  readonly redis: 'one' | 'cluster';
  /** Decides the faults, their order and lengths, and what each client does. */
  readonly seed: number;
  /** How long faults are injected, in seconds. */
  readonly seconds: number;
  /** Operations per second of all clients, at most. */
  readonly rate: number;
  readonly clients: number;
  readonly accounts: number;
  /** Names of the only faults to inject; empty: all. */
  readonly only: readonly string[];
  readonly without: readonly string[];
  /** Whether the evidence is kept of a run without violations as well. */
  readonly keep: boolean;
};

export const USAGE = `usage: npm run chaos -- [--redis one|cluster] [--seed N] [--seconds S] [--rate R] [--clients C]
                        [--accounts A] [--only fault,fault] [--without fault,fault] [--keep]`;

const RATE_MAX = 500;

/** @throws Error that names the option. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      redis: { type: 'string', default: 'one' },
      seed: { type: 'string' }, seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '120' },
      clients: { type: 'string', default: '12' }, accounts: { type: 'string', default: '24' },
      only: { type: 'string', default: '' }, without: { type: 'string', default: '' }, keep: { type: 'boolean', default: false },
    },
  });
  const integer = (name: string, text: string, min: number, max: number): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new Error(`--${name} must be an integer from ${min} to ${max}`);
  };
  const list = (text: string): string[] => text.split(',').filter((name) => name !== '');
  if (values.redis !== 'one' && values.redis !== 'cluster') throw new Error('--redis must be one or cluster');
  return {
    redis: values.redis,
    seed: integer('seed', values.seed ?? String(Date.now() % 1_000_000), 0, 0xffff_ffff),
    seconds: integer('seconds', values.seconds, 1, 86_400),
    rate: integer('rate', values.rate, 1, RATE_MAX),
    clients: integer('clients', values.clients, 1, 64),
    accounts: integer('accounts', values.accounts, 2, 1_000),
    only: list(values.only), without: list(values.without), keep: values.keep,
  };
}
