/** What a token's owner may do beyond her own account. `user` means: nothing more (contract §1.1). */
export type Role = 'admin' | 'supervisor' | 'user';

/** Which configured key verified the token. Only `access` and `jwks` can grant a role (contract C-19). */
export type IssuerName = 'access' | 'jwks' | 'chatsparty';

/** The authenticated caller: the only thing about her token that code behind the door may look at. */
export type Principal = {
  readonly accountId: string;
  readonly role: Role;
  /** Profile facts, as the issuer states them; never used to decide anything. */
  readonly username: string | null;
  readonly email: string | null;
  readonly issuer: IssuerName;
};

/** What a server may do with its key. `*` is everything: keys of the environment have it. */
export const SERVER_SCOPES = ['credits-process', 'wallets', 'telemetry'] as const;
export type ServerScope = (typeof SERVER_SCOPES)[number];

/** A server that has shown a key. */
export type ServerCaller = {
  /** Tells its key from every other, for as long as the key lives: its id, or a digest of one of the environment's. */
  readonly id: string;
  /** What its operator called the key; the actor of what it does. */
  readonly name: string;
  readonly scopes: ReadonlySet<ServerScope | '*'>;
};
