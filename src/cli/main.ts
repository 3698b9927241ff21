/**
 * The command `credit-gateway`. `serve` starts the gateway at once: as the first process of a container it must handle signals before
 * anything is loaded (main.ts).
 */
if (process.argv.length === 3 && process.argv[2] === 'serve') {
  await import('../main.js');
} else {
  const { runProgram } = await import('./program.js');
  await runProgram(process.argv.slice(2));
}

export {};
