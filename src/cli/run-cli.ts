/** Runs a command. Its result goes to stdout, an error with the usage to stderr; afterwards nothing keeps the process alive. */
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
