import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../kit/paths.js';

export type RedisUsers = {
  readonly gatewayPassword: string;
  readonly operatorPassword: string;
  /** First part of the keys that the gateway may use; a pattern of Redis, so `*` stands for every namespace. */
  readonly namespace: string;
};

/** The rights that deployments use, too. */
const USERS_FILE = join(projectRoot, 'deploy/redis/users.acl');

/** The content of Redis' `aclfile`: what start-redis.sh makes of the same file. */
export function redisUsers({ gatewayPassword, operatorPassword, namespace }: RedisUsers): string {
  return readFileSync(USERS_FILE, 'utf8').replace(/^#.*\n/gm, '').replaceAll('\\\n', '')
    .replaceAll('@gateway@', digest(gatewayPassword)).replaceAll('@operator@', digest(operatorPassword))
    .replaceAll('@namespace@', namespace);
}

const digest = (password: string): string => createHash('sha256').update(password).digest('hex');
