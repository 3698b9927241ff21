import { readFileSync } from 'node:fs';
import { addressOf, type Address, type RedisLocation, type TlsSettings } from '../stores/redis/location.js';
import type { Variables } from './environment.js';

/** Of these, one says where Redis is; none: the embedded server. */
const PLACES = ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS'] as const;
/** These need one of them. */
const DETAILS = ['REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_DATABASE', 'REDIS_TLS', 'REDIS_TLS_CA', 'REDIS_TLS_SERVER_NAME'] as const;
const OF_SENTINELS = ['REDIS_SENTINEL_NAME', 'REDIS_SENTINEL_PASSWORD'] as const;
const DATABASE_MAX = 1_000_000;

/** Where Redis is; undefined: the embedded server is used. Settings that contradict each other, or would be ignored, are problems. */
export function readRedis(variables: Variables, problems: string[]): RedisLocation | undefined {
  const { text, url } = variables;
  const set = (names: readonly string[]): string[] => names.filter((name) => text(name) !== undefined);
  const places = set(PLACES);
  if (places.length > 1) problems.push(`set only one of ${PLACES.join(', ')}: there is one Redis`);
  const details = set(DETAILS);
  if (places.length === 0 && details.length > 0) {
    problems.push(`${details.join(', ')} would be ignored: set one of ${PLACES.join(', ')} as well`);
  }
  const ofSentinels = set(OF_SENTINELS);
  if (ofSentinels.length > 0 && !places.includes('REDIS_SENTINELS')) {
    problems.push(`${ofSentinels.join(', ')} would be ignored: REDIS_SENTINELS is not set`);
  }

  const address = url('REDIS_URL', 'redis:', 'rediss:');
  const nodes = readAddresses('REDIS_CLUSTER_NODES', variables, problems);
  const sentinels = readAddresses('REDIS_SENTINELS', variables, problems);
  const access = { ...readLogin(variables, problems), tls: readTls(variables, problems) };
  const database = readDatabase(variables, problems);
  const withDatabase = database === undefined ? {} : { database };
  if (address !== undefined) return { kind: 'server', url: address, ...access, ...withDatabase };
  if (nodes !== undefined) return { kind: 'cluster', nodes, ...access };
  if (sentinels === undefined) return undefined;
  const name = text('REDIS_SENTINEL_NAME');
  if (name === undefined) problems.push('set REDIS_SENTINEL_NAME: the name under which REDIS_SENTINELS know the master');
  return { kind: 'sentinel', sentinels, name: name ?? '', sentinelPassword: text('REDIS_SENTINEL_PASSWORD'), ...access, ...withDatabase };
}

function readAddresses(name: string, { list }: Variables, problems: string[]): readonly Address[] | undefined {
  const texts = list(name);
  if (texts === undefined) return undefined;
  const addresses = texts.map(addressOf);
  // The message omits the values, which may contain a password that belongs elsewhere.
  if (addresses.includes(null)) problems.push(`${name} must be host:port,host:port`);
  return addresses.filter((each) => each !== null);
}

function readLogin({ text }: Variables, problems: string[]): { readonly username?: string; readonly password?: string } {
  const [username, password] = [text('REDIS_USERNAME'), text('REDIS_PASSWORD')];
  if (username !== undefined && password === undefined) problems.push('REDIS_USERNAME needs REDIS_PASSWORD');
  const address = parsed(text('REDIS_URL'));
  if (password !== undefined && address !== undefined && `${address.username}${address.password}` !== '') {
    problems.push('REDIS_URL contains a login already: set it there, or by REDIS_USERNAME and REDIS_PASSWORD');
  }
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

function readTls({ text, oneOf }: Variables, problems: string[]): TlsSettings | undefined {
  const url = text('REDIS_URL');
  const said = text('REDIS_TLS') === undefined ? undefined : oneOf('REDIS_TLS', 'false', 'true', 'false') === 'true';
  const isSecure = url?.startsWith('rediss:') ?? false;
  if (url !== undefined && said !== undefined && said !== isSecure) {
    problems.push(`REDIS_TLS=${String(said)} contradicts REDIS_URL: for TLS its scheme is rediss:, without it is redis:`);
  }
  const given = (['REDIS_TLS_CA', 'REDIS_TLS_SERVER_NAME'] as const).filter((name) => text(name) !== undefined);
  if (!isSecure && said !== true) {
    if (given.length > 0 && PLACES.some((name) => text(name) !== undefined)) {
      problems.push(`${given.join(', ')} would be ignored: without rediss: or REDIS_TLS=true there is no TLS`);
    }
    return undefined;
  }
  return { ca: readCa(text('REDIS_TLS_CA'), problems), serverName: text('REDIS_TLS_SERVER_NAME') };
}

/** The text of the certificates, or the path of a file with them. */
function readCa(value: string | undefined, problems: string[]): string | undefined {
  if (value === undefined || value.includes('-----BEGIN')) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch (error) {
    problems.push(`REDIS_TLS_CA: the file ${value} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    return undefined;
  }
}

function readDatabase({ text, integer }: Variables, problems: string[]): number | undefined {
  if (text('REDIS_DATABASE') === undefined) return undefined;
  const database = integer('REDIS_DATABASE', 0, 0, DATABASE_MAX);
  if (text('REDIS_CLUSTER_NODES') !== undefined) problems.push('REDIS_DATABASE: a Redis Cluster has only database 0');
  const path = parsed(text('REDIS_URL'))?.pathname ?? '';
  if (path.length > 1) problems.push('REDIS_URL contains a database already: set it there or by REDIS_DATABASE');
  return database;
}

const parsed = (url: string | undefined): URL | undefined => (url !== undefined && URL.canParse(url) ? new URL(url) : undefined);
