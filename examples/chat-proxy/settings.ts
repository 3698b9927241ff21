import { readConfig } from '../../src/config.js';
import { localSecret } from '../../src/edge/auth/local-secret.js';
import { mintToken } from '../../src/edge/auth/mint-token.js';
import type { Upstream } from './upstream.js';

export type Settings = {
  readonly gatewayUrl: string;
  /** Only to set the demo up: the proxy itself calls with an API key. */
  readonly adminToken: string;
  readonly port: number;
  readonly model: string;
  /** Undefined: the fake one. */
  readonly upstream: Upstream | undefined;
};

const PORT = 3_100;
const PORT_MAX = 65_535;
const TOKEN_SECONDS = 600;

/** What the environment says. The gateway is found as `npm run token` finds it: by the same settings as `npm start`. */
export async function settings(environment: NodeJS.ProcessEnv = process.env): Promise<Settings> {
  const { port: gatewayPort, auth, dataDir, redis, databaseUrl } = readConfig(environment);
  const isEmbedded = redis === undefined || databaseUrl === undefined;
  const secret = auth.accessSecret ?? (isEmbedded ? localSecret(dataDir) : undefined);
  if (secret === undefined) throw new Error('JWT_ACCESS_SECRET is not set: without it the demo cannot make itself an API key');
  const { GATEWAY = `http://localhost:${gatewayPort}`, UPSTREAM_URL, UPSTREAM_API_KEY, CHAT_PORT = String(PORT), CHAT_MODEL } = environment;
  if (UPSTREAM_URL !== undefined && CHAT_MODEL === undefined) throw new Error('UPSTREAM_URL needs CHAT_MODEL, a model that it has');
  if (!/^\d{1,5}$/.test(CHAT_PORT) || Number(CHAT_PORT) > PORT_MAX) throw new Error(`CHAT_PORT must be a port, not "${CHAT_PORT}"`);
  return {
    gatewayUrl: GATEWAY, port: Number(CHAT_PORT), model: CHAT_MODEL ?? 'demo-small',
    adminToken: await mintToken(secret, { sub: 'chat-demo', role: 'admin' }, TOKEN_SECONDS, Date.now()),
    upstream: UPSTREAM_URL === undefined ? undefined : { url: UPSTREAM_URL.replace(/\/+$/, ''), apiKey: UPSTREAM_API_KEY },
  };
}
