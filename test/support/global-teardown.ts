import { closeTestServers } from './servers.js';

/** Also runs after failures; see `servers.ts` for Ctrl-C. */
export default async function globalTeardown(): Promise<void> {
  await closeTestServers();
}
