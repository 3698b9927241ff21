import type { Channel } from 'amqplib';

/**
 * Ends a channel, and resolves when the broker has all that was sent on it. To be called before the connection is closed:
 * the client library writes acknowledgements a moment later and the end of the connection at once, so that the last
 * acknowledgements would be lost. The end of a channel is written after them, and the broker answers it.
 *
 * Throws when the channel is gone already, or goes with its connection meanwhile: the library itself would never answer.
 */
export function closeChannel(channel: Channel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.once('close', () => {
      // The broker's answer is heard just before this.
      setImmediate(() => { reject(new Error('the connection broke before the broker had everything')); });
    });
    channel.close().then(resolve, reject);
  });
}
