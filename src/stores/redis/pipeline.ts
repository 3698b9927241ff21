/** What TIME answers: seconds, and microseconds of the present one. */
export type RedisTime = readonly [seconds: number | string, micros: number | string];

export const msOf = ([seconds, micros]: RedisTime): number => Number(seconds) * 1_000 + Number(micros) / 1_000;

/** What one command of a pipeline came to. */
export type PipelineReply = readonly [error: Error | null, reply: unknown];

/** The replies of a pipeline, in the order of its commands. Throws the first error among them. */
export function repliesOf(results: readonly PipelineReply[] | null): unknown[] {
  return (results ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
