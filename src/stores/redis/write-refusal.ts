import { ReplyError, type Redis } from 'ioredis';

/** Redis checks before a script whether it accepts writes, unless the script says that it does none. This one does none. */
const MIGHT_WRITE = '#!lua\nreturn 1';

/** Why this server refuses writes now; null: it accepts them. Throws when it does not answer. */
export const writeRefusal = async (redis: Pick<Redis, 'eval'>): Promise<Error | null> =>
  redis.eval(MIGHT_WRITE, 0).then(() => null, (error: unknown) => {
    if (error instanceof ReplyError) return error as Error;
    throw error;
  });
