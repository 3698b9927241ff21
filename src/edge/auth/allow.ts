import { GatewayError } from '../../kit/errors.js';
import type { ApiScope, Principal, Role, ServerScope } from '../../kit/principal.js';

/** Who may call a route. Every route names one; there is no default, so forgetting it does not compile. */
export type Gate = PublicGate | PrivateGate | ServerKeyGate | CallersGate;
export type PublicGate = { readonly kind: 'public' };
export type PrivateGate =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'roles'; readonly roles: readonly [Role, ...Role[]] };

/** Servers, not users: they send a key, and name the account in the request. */
export type ServerKeyGate = { readonly kind: 'server-key'; readonly scope: ServerScope };

/**
 * The callers of `/v1`: services whose key has the scope (null: any key), operators, and users if `users` says so
 * (docs/contracts/native.md#callers).
 */
export type CallersGate = { readonly kind: 'callers'; readonly scope: ApiScope | null; readonly users: boolean };

/** No authentication: health and metrics. */
export const anyone = (): PublicGate => ({ kind: 'public' });

/** Any valid token, for its own account. */
export const authenticated = (): PrivateGate => ({ kind: 'authenticated' });

/** A valid token whose role is one of these. */
export const allow = (...roles: readonly [Role, ...Role[]]): PrivateGate => ({ kind: 'roles', roles });

/** An `x-server-api-key` that was made for this. */
export const serverKey = (scope: ServerScope): ServerKeyGate => ({ kind: 'server-key', scope });

/** Users for their own account, services whose key has the scope, operators. The route resolves the account (edge/v1/callers.ts). */
export const callers = (scope: ApiScope): CallersGate => ({ kind: 'callers', scope, users: true });

/** The same with a key of any scope, where each part of the request has a gate of its own. */
export const anyCaller = (): CallersGate => ({ kind: 'callers', scope: null, users: true });

/** The same without users. */
export const services = (scope: ApiScope): CallersGate => ({ kind: 'callers', scope, users: false });

/** Throws GatewayError forbidden unless the gate admits the caller. The text is the original's (docs/contracts/README.md#identity). */
export function assertAllowed(gate: PrivateGate, principal: Principal): void {
  if (gate.kind === 'roles' && !gate.roles.includes(principal.role)) {
    throw new GatewayError('forbidden', 'Admin access required');
  }
}
