import { Command, type Redis } from 'ioredis';
import type { ScriptClient } from './script.js';

const OPTIONS = { replyEncoding: 'utf8' } as const;
/** What stands before an argument of so many bytes, with the end of the one before. */
const HEADS = Array.from({ length: 1_024 }, (_, bytes) => headOf(bytes));

/**
 * EVALSHA or EVAL. The same bytes as ioredis makes, which copies the arguments, looks at each twice and joins six pieces for each:
 * with the 46 arguments of a hold more than twice the time of everything here.
 */
export class ScriptCommand extends Command {
  constructor(name: 'evalsha' | 'eval', values: readonly (string | number)[]) {
    super(name, [], OPTIONS);
    this.args = values as (string | number)[]; // named in errors
  }

  override toWritable(): string {
    return respOf(this.name, this.args as readonly (string | number)[]);
  }
}

/** Sends scripts on this connection. */
export const scriptsOn = (redis: Redis): ScriptClient => ({
  evalsha: (...values) => redis.sendCommand(new ScriptCommand('evalsha', values)) as Promise<unknown>,
  eval: (...values) => redis.sendCommand(new ScriptCommand('eval', values)) as Promise<unknown>,
});

/** A command in RESP. */
export function respOf(name: string, values: readonly (string | number)[]): string {
  const plain = joined(name, values, ({ length }) => length);
  // Without a character of several bytes in all of it, each length is right.
  return Buffer.byteLength(plain) === plain.length ? plain : joined(name, values, (text) => Buffer.byteLength(text));
}

function joined(name: string, values: readonly (string | number)[], bytesOf: (text: string) => number): string {
  let resp = `*${values.length + 1}${headOf(name.length)}${name}`;
  for (const value of values) {
    const text = typeof value === 'string' ? value : String(value);
    const bytes = bytesOf(text);
    resp += (HEADS[bytes] ?? headOf(bytes)) + text;
  }
  return `${resp}\r\n`;
}

function headOf(bytes: number): string {
  return `\r\n$${bytes}\r\n`;
}
