import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { isServerScope, serverKeyAdmin } from '../edge/auth/manage-server-keys.js';
import type { ServerKeyRow } from '../edge/auth/server-key.table.js';
import { SERVER_SCOPES } from '../kit/principal.js';
import { openDatabase } from './database.js';
import { runCli } from './run-cli.js';

/** `npm run keys -- create|list|revoke`: the keys with which servers call the credits process. */

const USAGE = `usage: npm run keys -- create --name <name> [--scopes ${SERVER_SCOPES.join(',')}] [--days <until it expires>]
       npm run keys -- list
       npm run keys -- revoke <id>

A new key is printed once and never again; --scopes '*' allows everything. A revoked key is refused within a second.`;
const DAY_MS = 86_400_000;

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, scopes: { type: 'string', default: SERVER_SCOPES.join(',') }, days: { type: 'string' } },
  });
  const database = await openDatabase(readConfig(), (line) => { console.error(line); });
  const { db } = database;
  const keys = serverKeyAdmin(db);
  try {
    switch (positionals[0]) {
      case 'create': {
        const scopes = values.scopes.split(',').map((scope) => scope.trim());
        const unknown = scopes.filter((scope) => !isServerScope(scope));
        if (values.name === undefined || values.name.trim() === '') throw new Error('--name is missing: say which server the key is for');
        if (unknown.length > 0) throw new Error(`--scopes: there is no ${unknown.join(', ')}`);
        const { row, key } = await keys.create({ name: values.name, scopes, expiresAtMs: expiryOf(values.days), createdBy: 'command' });
        console.error(describe(row));
        return key;
      }
      case 'list':
        return (await keys.list()).map(describe).join('\n');
      case 'revoke':
        return describe(await keys.revoke(positionals[1] ?? ''));
      case undefined:
      default:
        throw new Error('say create, list or revoke');
    }
  } finally {
    await database.close();
  }
});

function expiryOf(days: string | undefined): number | null {
  if (days === undefined) return null;
  if (!/^[1-9]\d{0,4}$/.test(days)) throw new Error(`--days must be a whole number above zero, not "${days}"`);
  return Date.now() + Number(days) * DAY_MS;
}

function describe({ keyId, hint, name, scopes, expiresAtMs, revokedAtMs, lastUsedAtMs }: ServerKeyRow): string {
  const at = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString());
  const state = revokedAtMs === null ? `expires ${at(expiresAtMs)}` : `revoked ${at(revokedAtMs)}`;
  return `${keyId}  ${hint}  ${name}  [${scopes.join(', ')}]  ${state}, last used ${at(lastUsedAtMs)}`;
}
