import type { IncomingMessage } from 'node:http';
import { GatewayError, invalid } from '../../kit/errors.js';

/**
 * The bytes of a request's body. What is left of a body that is too large stays unread; the answer closes the connection.
 *
 * @throws GatewayError body_too_large with `tooLarge`, invalid_request when the client goes away before the end.
 */
export function readBytes(req: IncomingMessage, bytesMax: number, tooLarge: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (error: Error): void => {
      req.pause();
      req.off('data', take).off('end', finish).off('close', cutOff);
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > bytesMax) fail(new GatewayError('body_too_large', tooLarge));
      else chunks.push(chunk);
    };
    const finish = (): void => { resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)); };
    const cutOff = (): void => { if (!req.readableEnded) fail(invalid('body', 'the request was cut off')); };
    if (Number(req.headers['content-length'] ?? 0) > bytesMax) fail(new GatewayError('body_too_large', tooLarge));
    else if (req.destroyed) cutOff();
    // A broken connection is followed by `close`.
    else req.on('data', take).on('end', finish).on('close', cutOff).on('error', () => undefined);
  });
}
