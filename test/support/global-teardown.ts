import { closeTestServers } from './servers.js';

/** Runs after failures too; see `servers.ts` for Ctrl-C. */
export default async function globalTeardown(): Promise<void> {
  await closeTestServers();
}
