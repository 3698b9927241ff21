import { printableLines } from './printable.js';

/** Runs a command. Its result goes to stdout, an error with the usage to stderr; afterwards nothing keeps the process alive. */
export async function runCli(usage: string, run: () => Promise<string | undefined>): Promise<void> {
  try {
    const result = await run();
    if (result !== undefined) console.log(printableLines(result));
  } catch (error) {
    console.error(printableLines(error instanceof Error ? error.message : String(error)));
    console.error(`\n${usage}`);
    process.exitCode = 1;
  }
}
