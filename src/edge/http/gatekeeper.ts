import { GatewayError } from '../../kit/errors.js';
import { isAccountId } from '../../kit/ids.js';
import type { NativeCaller, Principal, ServerCaller } from '../../kit/principal.js';
import { assertAllowed, type CallersGate, type Gate, type PrivateGate } from '../auth/allow.js';
import type { Authenticate } from '../auth/bearer.js';
import { assertScope, looksLikeApiKey, type AuthenticateServer } from '../auth/server-key.js';
import type { GatewayContext } from './context.js';

type Caller = Principal | ServerCaller | NativeCaller;
export type Admit = (ctx: GatewayContext) => Caller | null | Promise<Caller>;

/** What a request shows to say who calls; undefined: nothing. Pages have to look up what their cookie stands for. */
export type Credentials = (ctx: GatewayContext) => string | undefined | Promise<string | undefined>;

/** The credentials of a user. */
export const ofHeader = (ctx: GatewayContext): string | undefined => ctx.req.headers.authorization;

type Doorkeepers = {
  readonly authenticate: Authenticate;
  readonly credentials: Credentials;
  /** Told of every caller who was authenticated, before gates are checked. May refuse. */
  readonly counted: (ctx: GatewayContext, caller: Caller) => void;
  readonly authenticateServer: AuthenticateServer | undefined;
};

/** Makes what authenticates the callers of a route and checks its gate. The returned function throws GatewayError. */
export function admission(gate: Gate, keepers: Doorkeepers): Admit {
  const { authenticateServer, counted } = keepers;
  switch (gate.kind) {
    case 'public':
      return () => null;
    case 'server-key':
      if (authenticateServer === undefined) throw new Error('a route behind serverKey() needs authenticateServer');
      return async (ctx) => {
        const caller = await authenticateServer(ctx.req.headers['x-server-api-key']);
        counted(ctx, caller);
        assertScope(caller, gate.scope);
        return caller;
      };
    case 'callers':
      return (ctx) => admitNative(keepers, gate, ctx);
    case 'authenticated':
    case 'roles':
      return (ctx) => admitUser(keepers, gate, ctx);
  }
}

/** A server acts on the account that its body names, also where the rest of the body is at fault. */
export function nameAccount(ctx: GatewayContext, sent: unknown): void {
  const { user_id: userId, user } = (sent ?? {}) as { readonly user_id?: unknown; readonly user?: unknown };
  const accountId = userId ?? user;
  if (typeof accountId === 'string' && isAccountId(accountId)) ctx.state.accountId = accountId;
}

const BEARER = 'Bearer ';

/** A caller of `/v1`: the bearer of a token or of an API key, after role and scope were accepted. */
function admitNative(
  { authenticate, authenticateServer, counted }: Doorkeepers, gate: CallersGate, ctx: GatewayContext,
): NativeCaller | Promise<NativeCaller> {
  const sent = ofHeader(ctx);
  if (authenticateServer !== undefined && sent?.startsWith(BEARER) === true && looksLikeApiKey(sent.slice(BEARER.length))) {
    return admitService(authenticateServer, gate, sent.slice(BEARER.length), (caller) => { counted(ctx, caller); });
  }
  const admit = (token: Principal): NativeCaller => {
    ctx.state.accountId = token.accountId;
    counted(ctx, token);
    if (token.role === 'admin' || (token.role === 'supervisor' && gate.scope === 'read')) return { kind: 'operator', token };
    const user: NativeCaller = { kind: 'user', token };
    assertPasses(gate, user);
    return user;
  };
  const token = authenticate(sent);
  return token instanceof Promise ? token.then(admit) : admit(token);
}

async function admitService(
  server: AuthenticateServer, gate: CallersGate, sent: string, counted: (caller: Caller) => void,
): Promise<NativeCaller> {
  try {
    const caller: NativeCaller = { kind: 'service', key: await server(sent) };
    counted(caller);
    assertPasses(gate, caller);
    return caller;
  } catch (error) {
    // Where no key exists at all, this one is wrong too.
    if (error instanceof GatewayError && error.code === 'not_configured') throw new GatewayError('unauthenticated', 'Invalid API key');
    throw error;
  }
}

/** Throws GatewayError forbidden unless a caller of `/v1` may pass a gate. A supervisor who may only read is a user to the others. */
export function assertPasses(gate: CallersGate, caller: NativeCaller): void {
  if (caller.kind === 'service') {
    if (gate.scope !== null) assertScope(caller.key, gate.scope);
  } else if (caller.kind === 'user' && !gate.users) {
    throw new GatewayError('forbidden', 'Users may not call this; it is for services with an API key and for operators');
  }
}

/** A service acts on the account that its body names, or on the one payer of its key, also where the rest of the body is at fault. */
export function nameNativeAccount(ctx: GatewayContext, caller: NativeCaller, sent: unknown): void {
  if (caller.kind !== 'service') return;
  const { payer, accountPrefix } = caller.key;
  const { account = payer } = (sent ?? {}) as { readonly account?: unknown };
  if (typeof account !== 'string' || !isAccountId(account)) return;
  if ((payer === null || account === payer) && account.startsWith(accountPrefix ?? '')) ctx.state.accountId = account;
}

/** The caller, after token and role were accepted. A cached token is accepted without waiting. */
function admitUser({ authenticate, credentials, counted }: Doorkeepers, gate: PrivateGate, ctx: GatewayContext): ReturnType<Authenticate> {
  const admit = (principal: Principal): Principal => {
    ctx.state.accountId = principal.accountId;
    counted(ctx, principal);
    assertAllowed(gate, principal);
    return principal;
  };
  const shown = credentials(ctx);
  const principal = shown instanceof Promise ? shown.then(authenticate) : authenticate(shown);
  return principal instanceof Promise ? principal.then(admit) : admit(principal);
}
