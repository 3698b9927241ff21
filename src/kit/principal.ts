/**
 * What the owner of a token may do beyond their own account, the strongest first. `user`: nothing more
 * (docs/contracts/README.md#identity).
 */
export const ROLES = ['admin', 'supervisor', 'user'] as const;
export type Role = (typeof ROLES)[number];

/** Which configured key verified the token. Only `access` and `jwks` can grant a role (docs/contracts/README.md#c-19). */
export type IssuerName = 'access' | 'jwks' | 'chatsparty';

/** The authenticated caller: all that code behind authentication may know of the token. */
export type Principal = {
  readonly accountId: string;
  readonly role: Role;
  /** Profile data as the issuer states it; no decision depends on it. */
  readonly username: string | null;
  readonly email: string | null;
  readonly issuer: IssuerName;
};

/** What a server may do with its key in the credits process. `*` is all of these; the keys of the environment have it. */
export const SERVER_SCOPES = ['credits-process', 'wallets', 'telemetry'] as const;
export type ServerScope = (typeof SERVER_SCOPES)[number];

/** What a service may do through `/v1` with its key (docs/contracts/native.md#callers). */
export const API_SCOPES = ['holds', 'charges', 'grants', 'read', 'admin'] as const;
export type ApiScope = (typeof API_SCOPES)[number];
/** Every scope of a key. `*` is only those of SERVER_SCOPES, so that keys made before `/v1` existed keep the rights they had. */
export const KEY_SCOPES = [...SERVER_SCOPES, ...API_SCOPES] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];
export const isServerScope = (text: string): text is ServerScope => SERVER_SCOPES.some((scope) => scope === text);

/** A server that authenticated with a key. */
export type ServerCaller = {
  /**
   * The name under which its idempotency keys are remembered: the id of the first key of this name, or a digest for a key
   * of the environment. A rotated key keeps it, so that a retry with the new key is still a repeat.
   */
  readonly id: string;
  /** The key's name, given by the operator; recorded as the actor of what the server does. */
  readonly name: string;
  readonly scopes: ReadonlySet<KeyScope | '*'>;
  /** Null: every account. Otherwise the key acts only on accounts whose id begins with this. */
  readonly accountPrefix: string | null;
  /** Null: any account. Otherwise the key acts only on this one, which a request need not name. */
  readonly payer: string | null;
  /** Requests per second; null: the gateway's default. */
  readonly rateLimit: number | null;
};

/** Who calls `/v1`: a user for the own account, a service with a key, an operator with a token of role `admin` or `supervisor`. */
export type NativeCaller =
  | { readonly kind: 'user' | 'operator'; readonly token: Principal }
  | { readonly kind: 'service'; readonly key: ServerCaller };

/** The account that a caller acts on without naming one; undefined for a service whose key is not bound to a payer. */
export const actingAccount = (caller: NativeCaller): string | undefined =>
  (caller.kind === 'service' ? caller.key.payer ?? undefined : caller.token.accountId);

/** The name that is recorded as the actor of what a caller does. */
export const actorOf = (caller: NativeCaller): string => (caller.kind === 'service' ? caller.key.name : caller.token.accountId);
