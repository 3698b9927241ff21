import type { Redis } from 'ioredis';

/** The keys that match, in any order. By SCAN: the gateway's user may not run KEYS. */
export async function scanKeys(redis: Pick<Redis, 'scanStream'>, match: string): Promise<string[]> {
  const found = new Set<string>(); // SCAN may tell a key twice
  for await (const page of redis.scanStream({ match, count: 1_000 })) for (const key of page as string[]) found.add(key);
  return [...found];
}
