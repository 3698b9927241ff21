/**
 * The journal of a shard contradicts itself or Postgres: a fork, a gap, or a row that does not fit the stored ones. It is
 * neither skipped nor repaired automatically; the shard stops until an operator resumes it (docs/architecture.md#from-redis-to-postgres).
 */
export class ShardFault extends Error {
  readonly shard: number;
  /** Number of entries before the faulty one in the batch, which can still be written. */
  readonly sound: number;

  constructor(shard: number, sound: number, message: string) {
    super(message);
    this.name = 'ShardFault';
    this.shard = shard;
    this.sound = sound;
  }
}

/** A violated rule of the whole batch, like a violated constraint: the faulty entry is not known yet. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
}
