import type { Engine } from './engine.js';
import { outcomeOf } from './shell.js';

/** Docker with Compose v2 and the published images, or undefined where its engine does not answer. */
export async function dockerEngine(): Promise<Engine | undefined> {
  const [engine, compose] = await Promise.all([
    outcomeOf('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 20_000 }),
    outcomeOf('docker', ['compose', 'version', '--short'], { timeoutMs: 20_000 }),
  ]);
  if (engine.code !== 0 || compose.code !== 0) return undefined;
  return {
    name: `Docker ${engine.stdout.trim()}, Compose ${compose.stdout.trim()}`, env: process.env, leftOut: [], changes: {}, standIns: [],
    close: () => undefined,
  };
}
