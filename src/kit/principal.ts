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

/** What a server may do with its key. `*` is everything; the keys of the environment have it. */
export const SERVER_SCOPES = ['credits-process', 'wallets', 'telemetry'] as const;
export type ServerScope = (typeof SERVER_SCOPES)[number];

/** A server that authenticated with a key. */
export type ServerCaller = {
  /** Unique per key, as long as the key lives: its id, or a digest for a key of the environment. */
  readonly id: string;
  /** The key's name, given by the operator; recorded as the actor of what the server does. */
  readonly name: string;
  readonly scopes: ReadonlySet<ServerScope | '*'>;
};
