import type { JWTPayload } from 'jose';
import { ROLES, type Role } from '../../kit/principal.js';

/** Several roles in one text: separated by a comma, a space or both, as `scope` is. */
const LIST = /^[^\s,]+(?:(?:, ?| )[^\s,]+)+$/;
/** More roles than any user has; the rest is not read. */
const ROLES_READ_MAX = 1_000;

/**
 * The strongest role that the token has. A word that means nothing here gives no role: its owner is a plain user.
 * `Admin` and `admin ` are such words.
 */
export function readRole(payload: JWTPayload, claims: readonly string[], words: ReadonlyMap<string, Role>): Role {
  for (const claim of claims) {
    const value = readPath(payload, claim);
    if (value === undefined || value === null) continue;
    const roles = new Set(wordsOf(value).map((word) => words.get(word)));
    return ROLES.find((role) => roles.has(role)) ?? 'user';
  }
  return 'user';
}

/**
 * The value at a path such as `realm_access.roles`. A dot may be part of a name (`https://example.com/roles`,
 * `resource_access.my.client.roles`): the longest name that the token has counts.
 */
function readPath(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const name = path.slice(0, dot);
    if (Object.hasOwn(value, name)) return readPath((value as Record<string, unknown>)[name], path.slice(dot + 1));
  }
  return undefined;
}

function wordsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return LIST.test(value) ? [value, ...value.split(/[\s,]+/)] : [value];
  if (!Array.isArray(value)) return [];
  return value.slice(0, ROLES_READ_MAX).filter((each): each is string => typeof each === 'string');
}
