import { readConfig } from '../config.js';
import { localSecret } from '../edge/auth/local-secret.js';
import { mintToken } from '../edge/auth/mint-token.js';
import { systemClock } from '../kit/clock.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../kit/ids.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway token`: an access token on stdout, and nothing else. */

export const ROLES = ['user', 'enduser', 'supervisor', 'admin'];
const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

export type TokenOptions = {
  readonly sub: string; readonly role: string; readonly username?: string; readonly email?: string; readonly ttl: string;
};

/** Signs with JWT_ACCESS_SECRET, or with the secret that the embedded mode keeps in DATA_DIR. */
export async function token({ sub, role, username, email, ttl }: TokenOptions): Promise<Result> {
  if (!isAccountId(sub)) throw new UsageError(`--sub ${ACCOUNT_ID_RULE}`);
  const ttlSeconds = secondsOf(ttl);
  const config = readConfig();
  const { accessSecret, maxTokenAgeSeconds } = config.auth;
  const isEmbedded = config.redis === undefined || config.databaseUrl === undefined;
  if (accessSecret === undefined && !isEmbedded) {
    throw new Error('JWT_ACCESS_SECRET is not set: this gateway only verifies tokens of other issuers and cannot sign any');
  }
  if (ttlSeconds > maxTokenAgeSeconds) {
    say(`note: the gateway refuses tokens older than ${maxTokenAgeSeconds} s (JWT_MAX_AGE_SECONDS), even before they expire`);
  }
  const minted = await mintToken(accessSecret ?? localSecret(config.dataDir), { sub, role, username, email }, ttlSeconds, systemClock());
  return { text: minted, json: { token: minted, expiresInSeconds: ttlSeconds } };
}

function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (SECONDS_PER_UNIT[match?.[2] ?? ''] ?? Number.NaN);
  if (!(seconds > 0)) throw new UsageError(`--ttl must be a whole number with s, m, h or d, such as 15m, not "${text}"`);
  return seconds;
}
