import { Redis } from 'ioredis';
import { startDeadline } from '../../kit/deadline.js';
import { REDIS_DEADLINES_MAX } from '../../kit/limits.js';
import type { Options } from './node-options.js';
import { pace } from './pace.js';

type Command = Parameters<Redis['sendCommand']>[0];
type Stream = Parameters<Redis['sendCommand']>[1];

/** Commands that were sent in one turn of the event loop. They share a deadline. */
type Batch = { readonly sentAt: number; readonly waiting: Set<Command>; isGivenUp: boolean; cancel: () => void };

/**
 * A client whose commands fail with `Command timed out` when Redis answers nothing for `timeoutMs`. ioredis' own
 * `commandTimeout` counts from the call and fires in a late event loop although the reply has arrived; this one counts
 * from the end of the turn, when the commands are sent, and reads what has arrived before it gives up (deadline.ts). It
 * costs one timer per turn, not one per command.
 *
 * The commands of one turn are one write; each stays a separate command. ioredis' auto-pipelining would do the same, but sends
 * nothing more until every reply to the last write has arrived, and wraps each command once more.
 */
export class DeadlineRedis extends Redis {
  readonly #timeoutMs: number;
  readonly #batches = new Set<Batch>();
  #ofThisTurn: Batch | undefined;
  readonly #pace = pace();
  #waiting = 0;
  /** Answers of this turn of the event loop. */
  #answers = 0;

  constructor(
    url: string,
    { timeoutMs, ...options }: Options & { readonly timeoutMs: number },
  ) {
    super(url, options);
    this.#timeoutMs = timeoutMs;
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    const batch = this.#ofThisTurn ??= this.#begin();
    const sent = super.sendCommand(command, stream);
    if (!command.isSettled) this.#await(command, batch);
    return sent;
  }

  /** How long the oldest unanswered command has waited, in ms; 0 when there is none. */
  oldestWaitMs(): number {
    for (const { sentAt } of this.#batches) return performance.now() - sentAt;
    return 0;
  }

  /** How long a command that is sent now is likely to wait for its answer, in ms; 0 while few wait (pace.ts). */
  expectedMs(): number {
    return this.#pace.expectedMs(this.#waiting);
  }

  #await(command: Command, batch: Batch): void {
    batch.waiting.add(command);
    this.#waiting += 1;
    const settled = (): void => {
      batch.waiting.delete(command);
      this.#waiting -= 1;
      if (!batch.isGivenUp) this.#answered();
      if (batch.waiting.size === 0 && batch !== this.#ofThisTurn) this.#end(batch);
    };
    command.promise.then(settled, settled);
  }

  #begin(): Batch {
    const batch: Batch = { sentAt: performance.now(), waiting: new Set(), isGivenUp: false, cancel: () => undefined };
    this.#batches.add(batch);
    const stream = this.stream as Redis['stream'] | undefined; // none before the first connection
    stream?.cork();
    setImmediate(() => {
      this.#ofThisTurn = undefined;
      stream?.uncork();
      if (batch.waiting.size === 0) this.#end(batch);
      else this.#limit(batch, stream, stream?.bytesRead ?? 0);
    });
    return batch;
  }

  #answered(): void {
    this.#answers += 1;
    if (this.#answers > 1) return;
    setImmediate(() => {
      const [oldest] = this.#batches;
      this.#pace.read(this.#answers, oldest?.sentAt);
      this.#answers = 0;
    });
  }

  /** `bytesRead`: what had been read of the connection when the wait began. */
  #limit(batch: Batch, stream: Redis['stream'] | undefined, bytesRead: number): void {
    batch.cancel = startDeadline(this.#timeoutMs, () => {
      const readNow = stream?.bytesRead ?? 0;
      if (readNow > bytesRead && performance.now() - batch.sentAt < REDIS_DEADLINES_MAX * this.#timeoutMs) {
        this.#limit(batch, stream, readNow);
        return;
      }
      batch.isGivenUp = true;
      for (const each of batch.waiting) each.reject(new Error('Command timed out'));
    });
  }

  #end(batch: Batch): void {
    batch.cancel();
    this.#batches.delete(batch);
  }
}
