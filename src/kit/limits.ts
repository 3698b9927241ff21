/** All bounds of the product, each with its reason. A number that limits something is here or is a setting. */

/**
 * Longest id of an account, in characters (code points): a JWT subject has at most 255 by OpenID Connect. A Redis key
 * stays below 4 KB, and an index row of Postgres below its limit of 2 704 bytes.
 */
export const ACCOUNT_ID_LENGTH_MAX = 255;
/** Longest text that can name an account, in characters: an e-mail address. */
export const ACCOUNT_NAME_LENGTH_MAX = 320;
/** Longest hold id (the dialects call it a session id). The original allowed 100. */
export const HOLD_ID_LENGTH_MAX = 128;
/**
 * Longest name in keys (ledger/account-name.ts) of a member of a pool: it is part of the ids of its holds there, and an index
 * row of Postgres with the account and the id of a hold stays below its limit of 2 704 bytes.
 */
export const MEMBER_NAME_LENGTH_MAX = 1_000;
/** Longest id of a member's hold in its pool: `member/id`. */
export const MEMBER_HOLD_ID_LENGTH_MAX = MEMBER_NAME_LENGTH_MAX + 1 + HOLD_ID_LENGTH_MAX;
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
/** The body of a request. What callers send is a fraction of it; four of metadata fit in. */
export const BODY_BYTES_MAX = 16_384;
/** The body of a route with lists: usage of many models, prices, features, telemetry. */
export const LIST_BODY_BYTES_MAX = 65_536;
/**
 * The body of a batch, and of a finalize, which may carry the whole answer of a model
 * (docs/contracts/accounting-service.md#streaming-sessions).
 */
export const LONG_BODY_BYTES_MAX = 1_048_576;
/** Depth of a body: twice that of metadata. */
export const JSON_DEPTH_MAX = 32;
/** A form of the console: a token, or an amount and a reason. */
export const FORM_BYTES_MAX = 8_192;
/** A form with a part of a price map, percent-encoded. To plan what it changes takes some 20 ms of the event loop. */
export const IMPORT_FORM_BYTES_MAX = 262_144;
/** Models, and features, that one lot can be restricted to. */
export const LOT_NAMES_MAX = 20;
/** Live lots of one account. A snapshot reply stays below 64 KiB, and a sweep of all lots below a millisecond. */
export const LOTS_PER_ACCOUNT_MAX = 512;
/** What an operator may allow an account in open holds: 142 MB of Redis (docs/reliability.md#b1). */
export const OPEN_HOLDS_SETTING_MAX = 100_000;
/** Facts of an operation, in characters, above which they count as metadata: the gateway's own stay below it. */
export const PLAIN_FACTS_LENGTH_MAX = 1_024;
/** Open holds listed in one snapshot, so that reading an account blocks Redis only briefly. */
export const SNAPSHOT_HOLDS_MAX = 1_000;
/** Open holds listed in a look at an account that may be written to all the time; more are listed once it is seen at rest. */
export const LOOK_HOLDS_MAX = 20;
/** Overdue holds that a refused operation ends in one round: a few milliseconds of Redis, one script each. */
export const DUE_HOLDS_AT_ONCE = 100;
/** Overdue holds that one request ends in total: about a second. The sweeper ends the rest; until then the answer is "retry". */
export const DUE_HOLDS_PER_REQUEST_MAX = 10_000;
/** Longest time after its end in which a hold can be corrected: 31 days. */
export const CORRECTION_WINDOW_SECONDS_MAX = 2_678_400;
/** Deadline for Postgres when a hold is placed under an id that a caller chose: a small part of a request's deadline. */
export const ENDED_HOLD_LOOKUP_MS = 250;
/** How long an answer to money-in waits until it is stored, which only saves a repeat the call to Redis. */
export const SAVE_REPLY_MS = 250;
/** Shortest lease: below it a network hiccup ends a stream's hold. */
export const HOLD_TTL_SECONDS_MIN = 5;
/** Longest lease of a setting: it also bounds how long a hold keeps credits of an expired lot. */
export const HOLD_TTL_SECONDS_MAX = 3_600;
/** Longest lease that a caller may ask for: a day. */
export const LEASE_SECONDS_MAX = 86_400;
/** Models of one settlement: as many as a chain of calls may use; more would make a long answer of a short request. */
export const USAGES_MAX = 100;
/** The lease of a hold whose usage is reported, unless its caller asks for another: two missed reports end it. */
export const REPORTING_LEASE_SECONDS = 60;
/** Longest life of a lot with an expiry: a hundred years. Callers use 3 650 days. */
export const EXPIRY_DAYS_MAX = 36_500;
/** How long refunded credits live whose lot has ended meanwhile, unless the request says otherwise. */
export const REFUND_GRACE_DAYS = 30;
/**
 * How long an ended hold stays in Redis after Postgres has its end, at least: most repeats come within it. Postgres answers after that, and
 * a mark takes its place until RECEIPT_TTL_SECONDS, so that it is not placed again while Postgres is away.
 */
export const ENDED_HOLD_TTL_SECONDS_MIN = 60;
/** How long Redis answers a repeated request from its receipt after Postgres has the entry. Postgres answers after that. */
export const RECEIPT_TTL_SECONDS = 3_600;
/**
 * How long Redis answers a repeated extension of a hold: days beyond the longest lease. Postgres is asked for the key of a hold
 * that has ended or is older. The receipts of an open hold are loaded again after a loss of Redis.
 */
export const EXTENSION_RECEIPT_TTL_SECONDS = 7 * 86_400;
/** How long a report of usage so far may be missing in the journal while less than a tenth of the hold has moved. */
export const REPORT_JOURNALED_EVERY_MS = 10_000;
/** How long Postgres answers a repeated keyed operation: longer than any queue or client retries (30 days are promised). */
export const KEYS_KEPT_DAYS = 35;
/** How long after a deduction a usage record can refer to it. Callers record within seconds. */
export const DEDUCTION_TTL_SECONDS = 900;
/** Deductions of one account and amount that wait for a usage record; beyond it the oldest can no longer be referred to. */
export const DEDUCTIONS_WAITING_MAX = 128;
/**
 * Refused usage of one account that is recorded as uncollected, per minute: what a caller without credits can add to the
 * ledger. Further refusals are counted (`GET /v1/refusals`) but leave no usage record.
 */
export const REFUSED_USAGE_PER_MINUTE_MAX = 30;
/** Characters of the name of an API key or server key: the service that it is for. */
export const KEY_NAME_LENGTH_MAX = 100;
/** Keys of one lookup: one statement of well under a millisecond per key. */
export const KEY_LOOKUPS_MAX = 500;
/** How long an expired hold stays in Redis for a late settle; Postgres answers after that. */
export const EXPIRED_HOLD_TTL_SECONDS = 86_400;
/**
 * How long a receipt or an ended hold lives whose entry is not in Postgres yet: longer than any backlog between the two,
 * so that one of them always knows the key or the hold. The drain shortens it when it has written the entry.
 */
export const UNDRAINED_RECEIPT_TTL_SECONDS = 7 * 86_400;
/** Receipts of money-in outlive any backlog between Redis and Postgres, so a replayed intent never applies twice. */
export const MONEY_IN_RECEIPT_TTL_SECONDS = 7 * 86_400;
/** Entries of one drain transaction: it takes tens of milliseconds (docs/reliability.md#when-redis-is-slow-or-down). */
export const DRAIN_ENTRIES_MAX = 1_000;
/** Batches of one drain job, so that it ends well within its lock of 30 s. */
export const DRAIN_BATCHES_PER_RUN_MAX = 20;
/** Holds that a sweep expires in one shard before it continues with the next. */
export const SWEEP_BATCH_MAX = 100;
/** Commands to Redis in progress per process; more would only make every answer late. */
export const IN_FLIGHT_MAX = 1_000;
/**
 * Redis answers the calls of a connection in their order. While answers arrive, those of later calls will too, so they are awaited, up
 * to this many deadlines (REDIS_TIMEOUT_MS) in all: given up, they would be carried out all the same.
 */
export const REDIS_DEADLINES_MAX = 4;
/**
 * Acknowledgements kept per shard and process, to name the accounts of a loss: more than a shard gets between two
 * heartbeats. For 64 shards they take 5 MB.
 */
export const ACKNOWLEDGED_KEPT_MAX = 256;
/** Accounts that one record of a loss names. */
export const LOST_ACCOUNTS_NAMED_MAX = 100;
/** Steps of the scan for idle accounts in one turn: about a millisecond of Redis each. */
export const EVICT_STEPS_PER_TURN_MAX = 10;
/** Accounts that are evicted in one go, so that requests in between wait about a millisecond. */
export const EVICTIONS_AT_ONCE_MAX = 20;
/** Accounts that one statement of a rebuild reads, and statements at once: below the connections of a command. */
export const REBUILD_PAGE_MAX = 200;
export const REBUILD_LANES = 4;
/** Accounts that one command repairs; it can be run again. */
export const REPAIRS_MAX = 1_000;
/** Verified tokens kept per process: about 1 KB each. */
export const TOKEN_CACHE_MAX = 10_000;
/** A longer token is refused without parsing it. */
export const TOKEN_LENGTH_MAX = 8_192;
/** Models with a label of their own in metrics, per process: each is four series, and no chart shows more. */
export const MODEL_LABELS_MAX = 50;
/** Longest label of a metric. */
export const LABEL_LENGTH_MAX = 64;
/** Limits of one account: the scripts read all of them on every hold and charge. */
export const LIMITS_PER_ACCOUNT_MAX = 50;
/** Longest name of a limit, and longest model, feature or key that one matches. */
export const LIMIT_TEXT_LENGTH_MAX = 128;
/** How long Postgres keeps a window of a limit after its end: longer than the longest period. */
export const LIMIT_WINDOWS_KEPT_DAYS = 40;
/** Members of one pool: a list that every gateway keeps in memory. */
export const POOL_MEMBERS_MAX = 10_000;
/** How long refusals are kept: complaints arrive within days, and hardly any after a month. */
export const REFUSALS_KEPT_DAYS = 30;
/** Refusals that wait for Postgres, by account, minute, reason and route: a few megabytes, however long Postgres is down. */
export const REFUSALS_WAITING_MAX = 10_000;
/** Longest message that is kept with a refusal. */
export const REFUSAL_MESSAGE_LENGTH_MAX = 500;
/** Accounts that one turn of the reconciler compares: a dozen statements, however many accounts exist. */
export const RECONCILE_ACCOUNTS_MAX = 200;
/** Open holds of those accounts: to list so many takes Redis some 8 ms, in steps of 2 ms at most. The last account may exceed it. */
export const RECONCILE_HOLDS_MAX = 4_000;
/** Entries per account that the reconciler's rounds read back; a complete round reads all. */
export const RECONCILE_ENTRIES_MAX = 50;
/** Accounts with open findings that the reconciler compares completely in each turn. Drift is rare. */
export const RECONCILE_RECHECKS_MAX = 20;
/** Items on one page of a list of `/v1`. */
export const LIST_MAX = 1_000;
/** Operations of one batch: with the body's megabyte, a thousand bytes for each. */
export const BATCH_OPERATIONS_MAX = 1_000;
/**
 * Operations of batches that run at once, of all batches of a process together; the others wait. A quarter of the calls in
 * flight: batches alone never fill them, and a single call waits for few of theirs.
 */
export const BATCH_OPERATIONS_AT_ONCE_MAX = 256;
/** Holds that one script call places: about two milliseconds, in which Redis does nothing else. */
export const PLACED_TOGETHER_MAX = 32;
/** Batches of a process in progress: 16 MB of bodies. One more is refused as a whole. */
export const BATCHES_AT_ONCE_MAX = 16;
/** Buckets of a series of usage in one answer as JSON: about a megabyte. Longer ones are streamed as CSV or NDJSON. */
export const USAGE_BUCKETS_MAX = 5_000;
/** Rows on one page of any list of the other APIs. */
export const PAGE_MAX = 100;
/** Webhook endpoints in all: each event is compared with all of them. */
export const WEBHOOK_ENDPOINTS_MAX = 1_000;
/** Webhook endpoints of one account, of one prefix, or of all accounts. */
export const WEBHOOK_ENDPOINTS_PER_FILTER_MAX = 20;
/** Longest URL of a webhook: as long as servers accept. */
export const WEBHOOK_URL_LENGTH_MAX = 2_000;
/** How long events, and what was sent of them, are kept. */
export const EVENTS_KEPT_DAYS = 30;
