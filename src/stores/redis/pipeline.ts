/** The reply of TIME: seconds, and microseconds of the current second. */
export type RedisTime = readonly [seconds: number | string, micros: number | string];

export const msOf = ([seconds, micros]: RedisTime): number => Number(seconds) * 1_000 + Number(micros) / 1_000;

/** The result of one command of a pipeline. */
export type PipelineReply = readonly [error: Error | null, reply: unknown];

/** The replies of a pipeline, in the order of its commands. Throws the first error among them. */
export function repliesOf(results: readonly PipelineReply[] | null): unknown[] {
  return (results ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
