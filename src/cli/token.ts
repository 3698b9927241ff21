import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { localSecret } from '../edge/auth/local-secret.js';
import { mintToken } from '../edge/auth/mint-token.js';
import { systemClock } from '../kit/clock.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../kit/ids.js';

/** `npm run token -- --sub alice --role user`: prints an access token on stdout, and nothing else. */

const USAGE = `usage: npm run token -- --sub <account> [--role user|enduser|supervisor|admin]
       [--username <name>] [--email <address>] [--ttl 15m]

Signs with JWT_ACCESS_SECRET, or with the secret that the embedded mode keeps in DATA_DIR.`;
const ROLES = ['user', 'enduser', 'supervisor', 'admin'];
const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

try {
  console.log(await run());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(`\n${USAGE}`);
  process.exitCode = 1;
}

async function run(): Promise<string> {
  const { values } = parseArgs({
    options: {
      sub: { type: 'string' },
      role: { type: 'string', default: 'user' },
      username: { type: 'string' },
      email: { type: 'string' },
      ttl: { type: 'string', default: '1h' },
    },
  });
  const { sub, role, username, email } = values;
  if (sub === undefined) throw new Error('--sub is missing: say which account the token is for');
  if (!isAccountId(sub)) {
    throw new Error(`--sub ${ACCOUNT_ID_RULE}`);
  }
  if (!ROLES.includes(role)) throw new Error(`--role must be one of ${ROLES.join(', ')}, not "${role}"`);
  const ttlSeconds = secondsOf(values.ttl);
  const config = readConfig();
  const { accessSecret, maxTokenAgeSeconds } = config.auth;
  const isEmbedded = config.redis === undefined || config.databaseUrl === undefined;
  if (accessSecret === undefined && !isEmbedded) {
    throw new Error('JWT_ACCESS_SECRET is not set: this gateway only verifies tokens of other issuers and cannot sign any');
  }
  if (ttlSeconds > maxTokenAgeSeconds) {
    console.error(`note: the gateway refuses tokens older than ${maxTokenAgeSeconds} s (JWT_MAX_AGE_SECONDS), even before they expire`);
  }
  return mintToken(accessSecret ?? localSecret(config.dataDir), { sub, role, username, email }, ttlSeconds, systemClock());
}

function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (SECONDS_PER_UNIT[match?.[2] ?? ''] ?? Number.NaN);
  if (!(seconds > 0)) throw new Error(`--ttl must be a whole number with s, m, h or d, such as 15m, not "${text}"`);
  return seconds;
}
