import { ReplyError } from 'ioredis';

/** Messages of ioredis when there is no connection or no reply. */
const AWAY = /^(Stream isn't writeable|Command timed out|Connection is closed|Reached the max retries)|ECONN|EPIPE/;

/** Whether an error means that Redis did not answer. An error reply of Redis is an answer. */
export const isRedisAway = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof ReplyError) && AWAY.test(error.message);
