/** Runs a command: its result, if it has one, goes to stdout, a failure with the usage to stderr, and nothing keeps the process alive. */
export async function runCli(usage: string, run: () => Promise<string | undefined>): Promise<void> {
  try {
    const result = await run();
    if (result !== undefined) console.log(result);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`\n${usage}`);
    process.exitCode = 1;
  }
}
