import { isNativeError } from 'node:util/types';
import { pino, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

/** Fields that are removed from every log line at any depth: credentials, and what callers sent. */
const SECRET_FIELDS = ['authorization', 'cookie', 'token', 'secret', 'password', 'body', 'rawBody', 'headers'];

/**
 * JSON lines on stdout. Errors are reduced to name, message, code and stack, because libraries attach request data to
 * theirs (co-body the body, the Redis client the command with its arguments). Domain code does not log; edges do.
 */
export function createLog(options: { readonly level: string }, destination?: DestinationStream): Log {
  const settings = {
    level: options.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    serializers: { err: describeError },
  };
  return destination === undefined ? pino(settings) : pino(settings, destination);
}

/** How many nested causes are logged: enough for "use case failed because driver failed because socket closed". */
const CAUSES_MAX = 4;

function describeError(error: unknown, depth = 0): unknown {
  if (!isNativeError(error)) return typeof error === 'string' ? error : { type: typeof error };
  const { code } = error as { readonly code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    stack: error.stack,
    ...(error.cause !== undefined && depth < CAUSES_MAX ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}
