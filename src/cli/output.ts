import { GatewayError } from '../kit/errors.js';
import { printableLines } from './printable.js';

/** What a command did: for people, and for programs that said --json. `exitCode` 1: it worked and found something wrong. */
export type Result = { readonly text: string; readonly json: unknown; readonly exitCode?: number };

/** The command was called in a wrong way: exit code 2. The message says what is wrong with it. */
export class UsageError extends Error {}

/** The result on stdout. */
export function printResult({ text, json, exitCode = 0 }: Result, isJson: boolean): void {
  console.log(printableLines(isJson ? JSON.stringify(json, exact, 2) : text));
  process.exitCode = exitCode;
}

/** Integers beyond what JSON's readers keep exact are text. */
const exact = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** An error on stderr, with what to do next; exit code 2 for a wrong call, otherwise 1. */
export function printError(error: unknown, command: string, isJson: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof GatewayError ? [message, ...error.sources.map((each) => `  ${each.path} ${each.message}`)] : [message];
  const next = error instanceof UsageError ? `${command} --help shows how it is called` : nextStep(error);
  if (isJson) console.error(printableLines(JSON.stringify({ error: lines.join('\n'), next: next ?? null })));
  else console.error(printableLines([...lines, ...next === undefined ? [] : [`What to do: ${next}`]].join('\n')));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

/** Progress, on stderr: stdout has only the result. */
export const say = (line: string): void => { console.error(printableLines(line.trimEnd())); };

/** What helps with errors of connections, which name no setting. */
function nextStep(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ECONNREFUSED': return 'start the server, or correct REDIS_URL or DATABASE_URL';
    case 'ENOTFOUND': return 'correct the name of the host in REDIS_URL or DATABASE_URL';
    case 'ENOENT': return 'name a file that exists';
    case 'EACCES': return 'run it as the account that runs the gateway, or set DATA_DIR';
    default: return undefined;
  }
}
