/** Runs a command: its result goes to stdout, a failure with the usage to stderr, and nothing keeps the process alive. */
export async function runCli(usage: string, run: () => Promise<string>): Promise<void> {
  try {
    console.log(await run());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`\n${usage}`);
    process.exitCode = 1;
  }
}
