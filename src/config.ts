import { readAuth, type AuthConfig } from './config/auth.js';
import { readRates, type RatesConfig } from './config/rates.js';
import { readRedis } from './config/redis.js';
import { variablesOf, type Environment, type Variables } from './config/environment.js';
import { isWellKnown } from './config/secrets.js';
import { DEFAULT_UNKNOWN_MODEL, parseUnknownModel, type UnknownModelPolicy } from './config/unknown-model.js';
import { CORRECTION_WINDOW_SECONDS_MAX, HOLD_TTL_SECONDS_MAX, HOLD_TTL_SECONDS_MIN, OPEN_HOLDS_SETTING_MAX } from './kit/limits.js';
import { micros, MICROS_PER_CREDIT, ZERO, type Micros } from './kit/money/micros.js';
import { parseOtlpHeaders, tracesUrl, type TracingConfig } from './kit/tracing/otlp-settings.js';
import type { OverCapture } from './ledger/ledger.js';
import type { RedisLocation } from './stores/redis/location.js';
import type { OpenHoldsMax } from './ledger/memory-guard.js';

/** Which part of the gateway this process is. `all`: both in one process, for small deployments and first steps. */
export type Role = 'api' | 'worker' | 'all';

/** The parsed configuration: amounts of money are micros, intervals milliseconds. Only `readConfig` reads the environment. */
export type Config = {
  readonly role: Role;
  readonly port: number;
  readonly host: string;
  /** Metrics, and readiness in detail, on a port of their own. */
  readonly operations: OperationsConfig;
  /** Number of HTTP processes under node:cluster; 1: no cluster. */
  readonly apiProcesses: number;
  /** Undefined: use the embedded server. */
  readonly redis: RedisLocation | undefined;
  readonly databaseUrl: string | undefined;
  /** The role that owns the tables, for migrations; undefined: the one of `databaseUrl`, if it may. */
  readonly migrationDatabaseUrl: string | undefined;
  /** First part of every Redis key: gateways with different namespaces can share a Redis. */
  readonly redisNamespace: string;
  /** The redis-server that the embedded mode prefers to all others. */
  readonly redisBinary: string | undefined;
  readonly dataDir: string;
  readonly shards: number;
  readonly auth: AuthConfig;
  /** The lease of a hold that names none. */
  readonly holdTtlMs: number;
  readonly overCapture: OverCapture;
  /** The most that one hold of the native API is placed with; null: no limit. */
  readonly holdMax: Micros | null;
  /** Open holds of an account, and of a pool with its members. */
  readonly openHoldsMax: OpenHoldsMax;
  /** How long after its end a hold can still be charged for higher usage that is reported late. */
  readonly correctionWindowMs: number;
  /** Debt may not exceed this; null: no limit. */
  readonly debtLimit: Micros | null;
  readonly usageRecordMode: 'charge' | 'log';
  /** What an account gets once, when its first token is seen (docs/contracts/README.md#c-18). */
  readonly welcomeCredits: Micros;
  /** What each price book does with an unknown model. */
  readonly unknownModel: UnknownModelPolicy;
  /** The status of a successful allocate-by-email (docs/contracts/README.md#c-08). */
  readonly allocateByEmailStatus: 200 | 201;
  /** Keys that allow everything a server may do, in addition to the keys in Postgres. */
  readonly serverApiKeys: readonly string[];
  readonly creditsProcess: CreditsProcessConfig;
  /** Undefined: no AMQP bridge. */
  readonly rabbitmqUrl: string | undefined;
  /** Settlements in progress at once, per process and queue. */
  readonly rabbitmqPrefetch: number;
  /** Whether webhooks may be sent to plain http, private addresses and any port. For development only. */
  readonly webhooksAllowPrivate: boolean;
  /** How long before the end of a lot `lot.expiring` is told. */
  readonly lotExpiringAheadMs: number;
  readonly rates: RatesConfig;
  /** A session of the console is over after so much time without a click. */
  readonly consoleIdleSeconds: number;
  readonly redisTimeoutMs: number;
  readonly postgresTimeoutMs: number;
  /** How long entries may gather before a worker has written them to Postgres (journal/paced-drain.ts). */
  readonly drainWithinMs: number;
  /** How long entries stay in the stream after Postgres has them: a standby that lost its last commits reads them again. */
  readonly journalTailMs: number;
  /** How long an account is idle when it leaves Redis; 0: none ever does. */
  readonly evictAfterMs: number;
  /** Whether the reconciler freezes accounts that drift. */
  readonly reconcileFreeze: boolean;
  readonly logLevel: string;
  readonly shutdownDelayMs: number;
  /** Undefined: no traces, and the tracing library is not loaded. */
  readonly tracing: TracingConfig | undefined;
};

export type OperationsConfig = {
  readonly port: number;
  readonly host: string;
  /** Opens the same on the main port, and is then also required on the port of operations. Undefined: only there, to anyone. */
  readonly token: string | undefined;
};

export type CreditsProcessConfig = {
  /** Whether a start reserves its minimum. */
  readonly hold: 'minimum' | 'none';
  /** Only 24 hexadecimal digits are ids, as in the original. */
  readonly strictIds: boolean;
  /** What give-initial-credits grants when the request names no amount. */
  readonly initialCredits: Micros;
};

/**
 * For commands that only use Postgres. The role `worker` verifies no tokens, so no secret is required, nor is Redis. Throws like
 * `readConfig`.
 */
export const readDatabaseConfig = (env: Environment = process.env): Config => readConfig({ ...env, ROLE: 'worker', NODE_ENV: undefined });

const MS_PER_DAY = 86_400_000;
/** A shorter key could be guessed over the network. Generated keys have 256 random bits. */
const SERVER_KEY_LENGTH_MIN = 16;

/**
 * Reads the configuration. Throws one Error that lists every problem, so that all of them can be fixed at once.
 */
export function readConfig(env: Environment = process.env): Config {
  const problems: string[] = [];
  const variables = variablesOf(env, problems);
  const { text, integer, seconds, oneOf, credits, url, name } = variables;

  const unknownModel = parseUnknownModel(text('UNKNOWN_MODEL') ?? 'default');
  if (unknownModel === undefined) problems.push('UNKNOWN_MODEL must be default or refuse, or per book such as default,tokens=refuse');

  const config: Config = {
    role: oneOf('ROLE', 'all', 'api', 'worker', 'all'),
    port: integer('PORT', 3001, 0, 65_535),
    host: text('HOST') ?? '0.0.0.0',
    operations: readOperations(variables, problems),
    apiProcesses: integer('API_PROCESSES', 1, 1, 64),
    redis: readRedis(variables, problems),
    databaseUrl: url('DATABASE_URL', 'postgres:', 'postgresql:'),
    migrationDatabaseUrl: url('MIGRATION_DATABASE_URL', 'postgres:', 'postgresql:'),
    redisNamespace: name('REDIS_NAMESPACE', 'cg'),
    redisBinary: text('REDIS_BIN'),
    dataDir: text('DATA_DIR') ?? '.data',
    shards: integer('SHARDS', 64, 1, 1_024),
    auth: readAuth(variables, problems),
    holdTtlMs: seconds('HOLD_TTL_SECONDS', 600, HOLD_TTL_SECONDS_MIN, HOLD_TTL_SECONDS_MAX),
    // `cap` of this setting has always meant: what is available, and no debt.
    overCapture: oneOf('OVER_CAPTURE', 'debt', 'debt', 'cap') === 'debt' ? 'debt' : 'available',
    correctionWindowMs: seconds('CORRECTION_WINDOW_SECONDS', 86_400, 0, CORRECTION_WINDOW_SECONDS_MAX),
    debtLimit: credits('DEBT_LIMIT') ?? null,
    holdMax: credits('HOLD_MAX') ?? null,
    openHoldsMax: {
      account: integer('MAX_OPEN_HOLDS', 1_000, 1, OPEN_HOLDS_SETTING_MAX),
      pool: integer('MAX_OPEN_HOLDS_OF_POOL', 10_000, 1, OPEN_HOLDS_SETTING_MAX),
    },
    usageRecordMode: oneOf('USAGE_RECORD_MODE', 'charge', 'charge', 'log'),
    welcomeCredits: credits('WELCOME_CREDITS') ?? ZERO,
    unknownModel: unknownModel ?? DEFAULT_UNKNOWN_MODEL,
    allocateByEmailStatus: oneOf('ALLOCATE_BY_EMAIL_STATUS', '201', '200', '201') === '200' ? 200 : 201,
    serverApiKeys: readServerApiKeys(variables, problems),
    creditsProcess: {
      hold: oneOf('CREDITS_PROCESS_HOLD', 'minimum', 'minimum', 'none'),
      strictIds: oneOf('CREDITS_PROCESS_STRICT_IDS', 'false', 'true', 'false') === 'true',
      initialCredits: micros(integer('INITIAL_CREDITS', 100, 1, 999_999_999) * MICROS_PER_CREDIT),
    },
    rabbitmqUrl: url('RABBITMQ_URL', 'amqp:', 'amqps:'),
    rabbitmqPrefetch: integer('RABBITMQ_PREFETCH', 100, 1, 10_000),
    webhooksAllowPrivate: oneOf('WEBHOOK_ALLOW_PRIVATE_ADDRESSES', 'false', 'true', 'false') === 'true',
    lotExpiringAheadMs: integer('LOT_EXPIRING_DAYS', 7, 1, 90) * MS_PER_DAY,
    rates: readRates(variables, problems),
    consoleIdleSeconds: integer('CONSOLE_IDLE_SECONDS', 1_800, 60, 43_200),
    redisTimeoutMs: integer('REDIS_TIMEOUT_MS', 150, 10, 10_000),
    postgresTimeoutMs: integer('POSTGRES_TIMEOUT_MS', 2_000, 100, 60_000),
    drainWithinMs: integer('DRAIN_WITHIN_MS', 200, 0, 5_000),
    journalTailMs: seconds('JOURNAL_TAIL_SECONDS', 60, 0, 86_400),
    reconcileFreeze: oneOf('RECONCILE_FREEZE', 'false', 'true', 'false') === 'true',
    evictAfterMs: seconds('EVICT_AFTER_SECONDS', 86_400, 0, 31_536_000),
    logLevel: oneOf('LOG_LEVEL', 'info', 'fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    shutdownDelayMs: integer('SHUTDOWN_DELAY_MS', 0, 0, 60_000),
    tracing: readTracing(variables, problems),
  };

  requireServers(config, variables, problems);
  requireVerifier(config, variables, problems);
  refuseWellKnown(config, variables, problems);
  if (config.port !== 0 && config.port === config.operations.port) problems.push('OPERATIONS_PORT must be another port than PORT');
  // A standby of Postgres that takes over may lack what the tail still has: nothing of that may have left Redis.
  if (config.evictAfterMs > 0 && config.evictAfterMs < config.journalTailMs) {
    problems.push('EVICT_AFTER_SECONDS must be 0, or not less than JOURNAL_TAIL_SECONDS');
  }
  if (problems.length > 0) throw new Error(`Bad configuration:\n  ${problems.join('\n  ')}`);
  return config;
}

/** Also reads the original's variable, which holds one key. */
function readServerApiKeys({ text }: Variables, problems: string[]): readonly string[] {
  const listed = [text('SERVER_API_KEYS'), text('SERVER_API_KEY')].flatMap((value) => (value ?? '').split(','));
  const keys = [...new Set(listed.map((key) => key.trim()).filter((key) => key !== ''))];
  if (keys.some((key) => key.length < SERVER_KEY_LENGTH_MIN)) {
    problems.push(`SERVER_API_KEYS: each key must be at least ${SERVER_KEY_LENGTH_MIN} characters long`);
  }
  return keys;
}

/** By default this machine only: who reads metrics in a network of containers sets OPERATIONS_HOST. */
function readOperations({ text, integer }: Variables, problems: string[]): OperationsConfig {
  const token = text('OPERATIONS_TOKEN');
  if (token !== undefined && token.length < SERVER_KEY_LENGTH_MIN) {
    problems.push(`OPERATIONS_TOKEN must be at least ${SERVER_KEY_LENGTH_MIN} characters long`);
  }
  return { port: integer('OPERATIONS_PORT', 3002, 0, 65_535), host: text('OPERATIONS_HOST') ?? '127.0.0.1', token };
}

function readTracing({ text, fraction, url }: Variables, problems: string[]): TracingConfig | undefined {
  const headers = parseOtlpHeaders(text('OTEL_EXPORTER_OTLP_HEADERS') ?? '');
  // The message omits the value: such headers mostly contain credentials.
  if (headers === undefined) problems.push('OTEL_EXPORTER_OTLP_HEADERS must be name=value,name=value with percent-encoded values');
  const endpoint = url('OTEL_EXPORTER_OTLP_ENDPOINT', 'http:', 'https:');
  // At 10 000 requests a second this is still 100 traces a second. Callers that send a traceparent decide by its flag.
  const ratio = fraction('OTEL_TRACES_SAMPLER_ARG', 0.01);
  if (endpoint === undefined) return undefined;
  return { url: tracesUrl(endpoint), headers: headers ?? {}, serviceName: text('OTEL_SERVICE_NAME') ?? 'credit-gateway', ratio };
}

/**
 * In production, as in the image, the operator chooses the servers: embedded ones would keep money in a folder that a container
 * loses. DATA_DIR says that they are wanted.
 */
function requireServers({ redis, databaseUrl, migrationDatabaseUrl }: Config, { text }: Variables, problems: string[]): void {
  if (text('NODE_ENV') !== 'production' || text('DATA_DIR') !== undefined) return;
  if (redis === undefined) problems.push('REDIS_URL is not set');
  if (databaseUrl === undefined && migrationDatabaseUrl === undefined) problems.push('DATABASE_URL is not set');
}

/** Outside of development, which is NODE_ENV=development or embedded servers. */
function refuseWellKnown(config: Config, { text }: Variables, problems: string[]): void {
  const isDevelopment = text('NODE_ENV') === 'development' || (isEmbedded(config) && text('NODE_ENV') !== 'production');
  if (isDevelopment) return;
  const secrets: Readonly<Record<string, readonly (string | undefined)[]>> = {
    JWT_ACCESS_SECRET: [config.auth.accessSecret], CHATSPARTY_JWT_SECRET: [config.auth.chatspartySecret],
    SERVER_API_KEYS: config.serverApiKeys, OPERATIONS_TOKEN: [config.operations.token],
  };
  const known = Object.entries(secrets).filter(([, values]) => values.some((each) => each !== undefined && isWellKnown(each)));
  for (const [name] of known) problems.push(`${name} is a value that everybody knows: make one with openssl rand -hex 32`);
}

/** Whether one of the servers is started by this process. */
const isEmbedded = ({ redis, databaseUrl, migrationDatabaseUrl }: Config): boolean =>
  redis === undefined || (databaseUrl ?? migrationDatabaseUrl) === undefined;

function requireVerifier(config: Config, { text }: Variables, problems: string[]): void {
  const { role, auth } = config;
  const embedded = isEmbedded(config) && (text('NODE_ENV') !== 'production' || text('DATA_DIR') !== undefined);
  const verifies = [auth.accessSecret, auth.chatspartySecret, auth.jwks].some((each) => each !== undefined);
  if (!embedded && role !== 'worker' && !verifies) {
    problems.push('set JWT_ACCESS_SECRET, JWKS_URL or CHATSPARTY_JWT_SECRET: without one no token can be verified');
  }
}
