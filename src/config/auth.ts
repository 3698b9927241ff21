import { ROLES, type Role } from '../kit/principal.js';
import type { Variables } from './environment.js';

/** Which tokens are believed, and what they may say (docs/contracts/README.md#identity). */
export type AuthConfig = {
  readonly accessSecret: string | undefined;
  readonly chatspartySecret: string | undefined;
  readonly jwks: JwksConfig | undefined;
  readonly maxTokenAgeSeconds: number;
  /** By how much the clock of an issuer may differ from this machine's. */
  readonly clockToleranceSeconds: number;
  readonly requireType: boolean;
  readonly roles: RolesConfig;
};

export type JwksConfig = {
  readonly url: string;
  /** Accepted values of `iss` and `aud`; undefined: the claim is not checked. */
  readonly issuers: readonly string[] | undefined;
  readonly audiences: readonly string[] | undefined;
};

export type RolesConfig = {
  /** The claim with the roles: a name, or a path such as `realm_access.roles`. */
  readonly claim: string;
  /** What words of the issuer mean. A word that is not here and is no role of the gateway means nothing. */
  readonly words: ReadonlyMap<string, Role>;
};

/** The gateway's own words for its roles. */
const OWN_WORDS: readonly (readonly [string, Role])[] = [
  ['admin', 'admin'], ['supervisor', 'supervisor'], ['enduser', 'user'], ['user', 'user'],
];

export function readAuth(variables: Variables, problems: string[]): AuthConfig {
  const { text, integer, oneOf, secret } = variables;
  return {
    accessSecret: secret('JWT_ACCESS_SECRET'),
    chatspartySecret: secret('CHATSPARTY_JWT_SECRET'),
    jwks: readJwks(variables, problems),
    maxTokenAgeSeconds: integer('JWT_MAX_AGE_SECONDS', 3_600, 60, 31_536_000),
    clockToleranceSeconds: integer('JWT_CLOCK_TOLERANCE_SECONDS', 60, 0, 300),
    requireType: oneOf('JWT_REQUIRE_TYPE', 'false', 'true', 'false') === 'true',
    roles: { claim: text('JWT_ROLES_CLAIM') ?? 'role', words: readWords(text('JWT_ROLES'), problems) },
  };
}

function readJwks({ list, url }: Variables, problems: string[]): JwksConfig | undefined {
  const address = url('JWKS_URL', 'https:', 'http:');
  if (address !== undefined && !isPrivate(new URL(address))) {
    problems.push('JWKS_URL must begin with https:// unless it is on this machine: who can change its answer can sign tokens of anyone');
  }
  const issuers = list('JWT_ISSUER');
  const audiences = list('JWT_AUDIENCE');
  if (address !== undefined) return { url: address, issuers, audiences };
  // Accepting them would suggest that tokens of a shared secret are checked as well.
  if (issuers !== undefined || audiences !== undefined) {
    problems.push('JWT_ISSUER and JWT_AUDIENCE apply to the tokens of JWKS_URL, which is not set');
  }
  return undefined;
}

/** What nobody on the network can change: TLS, or this machine. */
const isPrivate = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);

/** `teacher=supervisor,realm-admin=admin`: added to the gateway's own words, which it can also redefine. */
function readWords(text: string | undefined, problems: string[]): ReadonlyMap<string, Role> {
  const words = new Map(OWN_WORDS);
  for (const pair of (text ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    const at = pair.lastIndexOf('=');
    const [word, meaning] = [pair.slice(0, Math.max(at, 0)).trim(), pair.slice(at + 1).trim()];
    const role = ROLES.find((each) => each === meaning);
    if (word !== '' && role !== undefined) words.set(word, role);
    else problems.push(`JWT_ROLES must be word=role,word=role with the roles ${ROLES.join(', ')}, not "${pair}"`);
  }
  return words;
}
