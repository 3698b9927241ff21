import Type from 'typebox';
import type { NewUser } from '../../credits/users/profile.table.js';
import type { RegisteredUser } from '../../credits/users/register-user.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../../kit/ids.js';
import { allow } from '../auth/allow.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { accountNameText, bodyOf, storedText } from '../http/schema.js';
import { refusal } from './admin-target.js';

export type UsersDeps = { readonly registerUser: (user: NewUser) => Promise<RegisteredUser> };

const INVALID = 'Invalid request body. sub, email, and role are required.';
const INVALID_SUB = 'Invalid sub format. Must be a valid identifier from the Authentication service.';
const INVALID_EMAIL = 'Invalid email format provided.';
const INVALID_ROLE = 'Invalid role specified. Valid roles are: enduser, supervisor, admin.';

const USERNAME_LENGTH_MAX = 320;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** Both words for a user without privileges are in the wild; answers say `enduser`. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ['enduser', 'enduser'], ['user', 'enduser'], ['supervisor', 'supervisor'], ['admin', 'admin'],
]);

const body = bodyOf(
  Type.Object({
    sub: accountNameText(),
    email: accountNameText(),
    role: accountNameText(),
    username: Type.Optional(Type.Union([storedText(0, USERNAME_LENGTH_MAX), Type.Null()])),
  }),
  INVALID,
);
const User = Type.Object({
  userId: Type.String(), sub: Type.String(), email: Type.String(), username: Type.String(), role: Type.String(),
  createdAt: Type.String(), updatedAt: Type.String(),
});

/** Users that an administrator makes known before they come. Their roles are what their tokens say, whatever this says. */
export function usersRoutes(add: AddRoute, { registerUser }: UsersDeps): void {
  add('POST', '/api/admin/users', allow('admin'), {
    summary: 'Make a user known before the first token', body, replies: { 201: User }, errors: ['conflict', 'ledger_unavailable'],
  }, async (ctx, { body: { sub, email, ...rest } }) => {
    if (!isAccountId(sub)) throw refusal(INVALID_SUB, 'body.sub', ACCOUNT_ID_RULE);
    if (!EMAIL.test(email)) throw refusal(INVALID_EMAIL, 'body.email', 'must look like name@example.com');
    const role = ROLES.get(rest.role);
    if (role === undefined) throw refusal(INVALID_ROLE, 'body.role', 'must be enduser, supervisor or admin');
    const given = rest.username ?? '';
    const username = given === '' ? email.slice(0, email.indexOf('@')) : given;
    const { createdAtMs } = await registerUser({ accountId: sub, username, email, role: role === 'enduser' ? 'user' : role });
    const at = new Date(createdAtMs).toISOString();
    reply(ctx, 201, { userId: sub, sub, email, username, role, createdAt: at, updatedAt: at });
  });
}
