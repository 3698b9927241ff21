import { ReplyError } from 'ioredis';

/** What ioredis says when there is no connection, or no answer. */
const AWAY = /^(Stream isn't writeable|Command timed out|Connection is closed|Reached the max retries)|ECONN|EPIPE/;

/** Whether an error says that Redis did not answer. A reply of Redis, however unwelcome, is an answer. */
export const isRedisAway = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof ReplyError) && AWAY.test(error.message);
