import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openCacheDir } from './cache-dir.js';
import { cachedDebianRedis, downloadDebianRedis } from './debian-redis.js';
import { EmbeddedError, reasonOf } from './embedded-error.js';
import { runCommand } from './run-command.js';
import type { ServiceUser } from './service-user.js';

/** A server that was run and answered. */
export type ServerBinary = {
  readonly command: string;
  /** Arguments before the server's own. */
  readonly args: readonly string[];
  readonly version: string;
  readonly origin: string;
};

export type RedisSearch = {
  /** The account that must be able to execute it. */
  readonly user: ServiceUser | undefined;
  readonly preferred?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly progress?: ((line: string) => void) | undefined;
};

type Candidate = { readonly command: string; readonly args?: readonly string[]; readonly origin: string };

/** The scripts use the flag `allow-oom`, which Redis 6 does not support. Every Valkey does. */
const REDIS_MAJOR_MIN = 7;
const HINTS = [
  'install it: apt-get install -y redis-server | brew install redis | docker run -p 6379:6379 redis:7.2',
  'or set REDIS_URL to a Redis 7 (or Valkey) that you already run',
];

/**
 * Finds a Redis that runs: the chosen one and no other; without a choice installed ones, one unpacked earlier, and finally
 * Debian's package, which is downloaded and unpacked without installing it. Each is probed by running it under the account that
 * will run it: a file that exists may still fail to load (wrong libc) or be unreachable.
 */
export async function findRedis(search: RedisSearch): Promise<ServerBinary> {
  const tried: string[] = [];
  const firstOf = async (candidates: readonly Candidate[]): Promise<ServerBinary | undefined> => {
    for (const candidate of candidates) {
      const result = await probe(candidate, search.user);
      if (typeof result !== 'string') return result;
      tried.push(`${candidate.origin}: ${result}`);
    }
    return undefined;
  };

  const { preferred } = search;
  if (preferred !== undefined) {
    const chosen = await firstOf([{ command: preferred, origin: preferred }]);
    if (chosen !== undefined) return chosen;
    const advice = 'Correct it, or leave it out: Redis is found without it';
    throw new EmbeddedError('finding Redis', `REDIS_BIN cannot be used: ${tried.join('; ')}. ${advice}`);
  }
  const installed = await firstOf(installedCandidates());
  if (installed !== undefined) return installed;

  const cacheDir = await openCacheDir(search.user, search.cacheDir);
  const cached = await cachedDebianRedis(cacheDir);
  if (cached !== undefined) {
    const found = await firstOf([{ ...cached, origin: `unpacked earlier in ${cacheDir}` }]);
    if (found !== undefined) return found;
  }
  try {
    const downloaded = await downloadDebianRedis(cacheDir, search.progress ?? (() => undefined));
    const found = await firstOf([{ ...downloaded, origin: `Debian package unpacked in ${cacheDir}` }]);
    if (found !== undefined) return found;
  } catch (error) {
    tried.push(`apt-get download: ${reasonOf(error)}`);
  }
  throw new EmbeddedError('finding Redis', 'no usable redis-server on this machine', { tried, advice: HINTS });
}

function installedCandidates(): readonly Candidate[] {
  const names = ['redis-server', 'valkey-server'];
  const directories = ['/opt/homebrew/bin', '/usr/local/bin'];
  return [
    ...names.map((name) => ({ command: name, origin: `${name} on PATH` })),
    ...directories.flatMap((dir) => names.map((name) => ({ command: join(dir, name), origin: join(dir, name) }))),
    ...npmCandidate(),
  ];
}

/** Used if it is installed. It is not a dependency because of its licence and the recent glibc it needs. */
function npmCandidate(): readonly Candidate[] {
  const name = `@falkordblite/${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return [{ command: join(dirname(manifest), 'bin', 'redis-server'), origin: `npm ${name}` }];
  } catch {
    return []; // not installed: the normal case
  }
}

/** The binary, or why it cannot be used. */
async function probe({ command, args = [], origin }: Candidate, user: ServiceUser | undefined): Promise<ServerBinary | string> {
  const result = await runCommand(command, [...args, '--version'], { user });
  if (!result.ok) return result.problem;
  const match = /^(Redis|Valkey) server v=(\d+)\.(\S+)/.exec(result.stdout);
  if (match === null) return `unexpected answer to --version: ${result.stdout.trim().slice(0, 80)}`;
  const [, product = '', major = '', rest = ''] = match;
  if (product === 'Redis' && Number(major) < REDIS_MAJOR_MIN) return `version ${major}.${rest}, ${REDIS_MAJOR_MIN} is needed`;
  return { command, args, version: `${product} ${major}.${rest}`, origin };
}
