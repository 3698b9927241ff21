import type { Api } from './api.js';
import type { Stack } from './stack.js';

export type Subject = { readonly stack: Stack; readonly api: Api };

/** One line of the report. `run` answers what was seen in a few words, and throws what is wrong. */
export type Check = { readonly name: string; readonly run: (subject: Subject) => Promise<string> };

export function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}
