/** Every bound of the product, each with its reason. A number that limits something lives here or is a setting. */

/** Longest id of an account: a JWT subject, a legacy user id, an e-mail. Keeps a Redis key well under 300 bytes. */
export const ACCOUNT_ID_LENGTH_MAX = 128;
/** Longest hold id (the dialects call it a session id). The original allowed 100. */
export const HOLD_ID_LENGTH_MAX = 128;
/** Longest idempotency key, as in the IETF draft's advice and other payment APIs. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;
/** Model ids are short names; the original's column held 100 characters. */
export const MODEL_ID_LENGTH_MAX = 100;
/** Tokens of one message; above the largest context window by three orders of magnitude, far below 2^53 micros of cost. */
export const TOKENS_MAX = 1_000_000_000;
/** Notes of an operator: a paragraph, not a document. */
export const NOTES_LENGTH_MAX = 1_000;
/** Metadata of a usage record as JSON text: it travels through Redis and sits in the journal until Postgres has it. */
export const METADATA_BYTES_MAX = 4_096;
/** A finalize may carry the whole answer of a model (contract §2.8 A13), so bodies of a megabyte pass. */
export const BODY_BYTES_MAX = 1_048_576;
/** A form of the console: a token, or an amount and a reason. */
export const FORM_BYTES_MAX = 8_192;
/** Live lots of one account. One snapshot reply stays under 64 KiB, and a sweep of all of them inside a millisecond. */
export const LOTS_PER_ACCOUNT_MAX = 512;
/** Open holds of one account: bounds what one stolen token can clutter (reliability Q10 #52). */
export const OPEN_HOLDS_PER_ACCOUNT_MAX = 100_000;
/** Open holds listed in one snapshot, so that reading an account never keeps Redis busy for long. */
export const SNAPSHOT_HOLDS_MAX = 1_000;
/** Holds past their lease that a refused operation ends at a time: a few milliseconds of Redis, one script each. */
export const DUE_HOLDS_AT_ONCE = 100;
/** And in all, for one request: about a second. The sweeper ends what is left; until then the answer is "retry". */
export const DUE_HOLDS_PER_REQUEST_MAX = 10_000;
/** Longest time after its end in which a hold can be corrected: a month. */
export const CORRECTION_WINDOW_SECONDS_MAX = 2_678_400;
/** Patience with Postgres when a hold is placed under an id that a caller chose: far less than a request has. */
export const ENDED_HOLD_LOOKUP_MS = 250;
/** Shortest lease: below it a network hiccup ends a stream's hold. */
export const HOLD_TTL_SECONDS_MIN = 5;
/** Longest lease: it also bounds how long a hold keeps credits of an expired lot alive. */
export const HOLD_TTL_SECONDS_MAX = 3_600;
/** Longest life of a lot that ends: a hundred years. Callers use 3 650 days. */
export const EXPIRY_DAYS_MAX = 36_500;
/** How long Redis answers a repeated request from its receipt once Postgres has its entry, which answers after that. */
export const RECEIPT_TTL_SECONDS = 3_600;
/** How long Postgres answers a repeat of a keyed charge: longer than any queue or client retries (30 days are promised). */
export const KEYS_KEPT_DAYS = 35;
/** How long after a deduction a usage record can say that it was paid by it. Callers record within seconds. */
export const DEDUCTION_TTL_SECONDS = 900;
/** Deductions of one amount and account that wait for their usage record; of more, the oldest cannot be claimed any more. */
export const DEDUCTIONS_WAITING_MAX = 128;
/**
 * Refused usage of one account that is recorded as uncollected, per minute: what a caller without credits can add to the
 * ledger. Refusals beyond it are counted like all others (`GET /v1/refusals`), but leave no usage record.
 */
export const REFUSED_USAGE_PER_MINUTE_MAX = 30;
/** Keys of one look-up: one statement of well under a millisecond per key. */
export const KEY_LOOKUPS_MAX = 500;
/** An expired hold waits this long in Redis for a late settle; Postgres answers after that. */
export const EXPIRED_HOLD_TTL_SECONDS = 86_400;
/**
 * How long a receipt or an ended hold lives whose entry is not in Postgres yet: longer than any backlog between the two,
 * so that one of them always knows the key or the hold. The drain shortens it when it has written the entry.
 */
export const UNDRAINED_RECEIPT_TTL_SECONDS = 7 * 86_400;
/** Receipts of money-in outlive any backlog between Redis and Postgres, so a replayed intent can never apply twice. */
export const MONEY_IN_RECEIPT_TTL_SECONDS = 7 * 86_400;
/** Entries of one drain transaction: a transaction of this size takes tens of milliseconds (reliability Q6). */
export const DRAIN_ENTRIES_MAX = 1_000;
/** Batches of one drain job, so that it ends far inside its 30 s lock. */
export const DRAIN_BATCHES_PER_RUN_MAX = 20;
/** Holds that one sweep of one shard expires before it lets another shard have its turn. */
export const SWEEP_BATCH_MAX = 100;
/** Commands to Redis in flight per process; beyond it waiting only makes every answer late. */
export const IN_FLIGHT_MAX = 1_000;
/**
 * Acknowledgements kept per shard and process, to name the accounts of a loss: more than a shard gets between two beats
 * of the heartbeat. 64 shards of these are 3 MB.
 */
export const ACKNOWLEDGED_KEPT_MAX = 256;
/** Accounts that one record of a loss names. */
export const LOST_ACCOUNTS_NAMED_MAX = 100;
/** Verified tokens kept per process: about 1 KB each. */
export const TOKEN_CACHE_MAX = 10_000;
/** A token longer than this is refused unread. */
export const TOKEN_LENGTH_MAX = 8_192;
/** Models that have a name of their own in metrics, per process: each is four series, and no chart shows more. */
export const MODEL_LABELS_MAX = 50;
/** Longest label of a metric. */
export const LABEL_LENGTH_MAX = 64;
/** How long it is remembered who was refused: a complaint comes within days, and beyond a month nobody asks. */
export const REFUSALS_KEPT_DAYS = 30;
/** Refusals that wait for Postgres, by account, minute, reason and route: a few megabytes, however long it is away. */
export const REFUSALS_WAITING_MAX = 10_000;
/** Longest message that is kept with a refusal. */
export const REFUSAL_MESSAGE_LENGTH_MAX = 500;
/** Accounts that the reconciler compares every few seconds: a dozen statements, whatever the number of accounts. */
export const RECONCILE_ACCOUNTS_MAX = 200;
/** Entries per account that it follows back in its rounds; a complete round follows all of them. */
export const RECONCILE_ENTRIES_MAX = 50;
/** Accounts with open findings that it looks at again each time, completely: drift is rare, or something is very wrong. */
export const RECONCILE_RECHECKS_MAX = 20;
/** Rows of one page of any list. */
export const PAGE_MAX = 100;
