/**
 * The journal of a shard says something that cannot be true: a fork, a gap, a row that contradicts what Postgres has.
 * Nothing of it is skipped or repaired by itself; the shard stops until someone has looked (design §6).
 */
export class ShardFault extends Error {
  readonly shard: number;
  /** How many entries of the batch, before the faulty one, are sound and can still be written. */
  readonly sound: number;

  constructor(shard: number, sound: number, message: string) {
    super(message);
    this.name = 'ShardFault';
    this.shard = shard;
    this.sound = sound;
  }
}

/** Like a violated constraint, found by us: which entry of the batch is at fault is not known yet. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
}
