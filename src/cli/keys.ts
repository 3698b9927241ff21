import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { isKeyScope, serverKeyAdmin } from '../edge/auth/manage-server-keys.js';
import type { ServerKeyRow, SpendLimit } from '../edge/auth/server-key.table.js';
import { ACCOUNT_ID_RULE, isAccountId } from '../kit/ids.js';
import { creditsText, parseCredits } from '../kit/money/credits.js';
import { CALENDAR_PERIODS, isTimeZone } from '../ledger/calendar-edges.js';
import { API_SCOPES, SERVER_SCOPES } from '../kit/principal.js';
import { openDatabase } from './database.js';
import { runCli } from './run-cli.js';

/** `npm run keys -- create|rotate|limit|list|revoke`: the keys with which services call the gateway. */

const USAGE = `usage: npm run keys -- create --name <name> [--scopes ${SERVER_SCOPES.join(',')}] [--days <until it expires>]
                              [--prefix <of accounts> | --payer <account>] [--rate <requests per second>]
                              [--spend <credits>/<hour, day, week or month> [--zone <such as Europe/Berlin>]]
       npm run keys -- rotate <id> [--days <until the new key expires>]
       npm run keys -- limit <id> [--rate <requests per second, or none>]
                              [--spend <credits>/<hour, day, week or month>, or none> [--zone <such as Europe/Berlin>]]
       npm run keys -- list
       npm run keys -- revoke <id>

Scopes of /v1: ${API_SCOPES.join(', ')}; of the credits process: ${SERVER_SCOPES.join(', ')}; '*' is all of them but admin.
A new key is printed once and never again. A revoked key is refused within a second.`;
const DAY_MS = 86_400_000;

await runCli(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' }, scopes: { type: 'string', default: SERVER_SCOPES.join(',') }, days: { type: 'string' },
      prefix: { type: 'string' }, payer: { type: 'string' }, rate: { type: 'string' },
      spend: { type: 'string' }, zone: { type: 'string' },
    },
  });
  const database = await openDatabase(readConfig(), (line) => { console.error(line); });
  const { db } = database;
  const keys = serverKeyAdmin(db, Date.now);
  const [action, keyId = ''] = positionals;
  try {
    switch (action) {
      case 'create': {
        const { row, key } = await keys.createApiKey({
          name: nameOf(values.name), scopes: scopesOf(values.scopes), expiresAtMs: expiryOf(values.days) ?? null,
          accountPrefix: values.prefix ?? null, payer: payerOf(values.payer),
          rateLimit: rateOf(values.rate ?? 'none'), spendLimit: spendOf(values.spend ?? 'none', values.zone),
          createdBy: 'command', key: null,
        });
        console.error(describe(row));
        return key ?? '';
      }
      case 'rotate': {
        const { row, key } = await keys.rotate({ keyId, expiresAtMs: expiryOf(values.days), createdBy: 'command', key: null });
        console.error(describe(row));
        return key ?? '';
      }
      case 'limit':
        if (values.rate === undefined && values.spend === undefined) throw new Error('say --rate or --spend');
        return describe(await keys.limit(keyId, {
          rateLimit: values.rate === undefined ? undefined : rateOf(values.rate),
          spendLimit: values.spend === undefined ? undefined : spendOf(values.spend, values.zone),
        }));
      case 'list':
        return (await keys.list()).map(describe).join('\n');
      case 'revoke':
        return describe(await keys.revoke(keyId));
      case undefined:
      default:
        throw new Error('say create, rotate, limit, list or revoke');
    }
  } finally {
    await database.close();
  }
});

function nameOf(name: string | undefined): string {
  if (name === undefined || name.trim() === '') throw new Error('--name is missing: say which service the key is for');
  return name;
}

function scopesOf(text: string): string[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !isKeyScope(scope));
  if (unknown.length > 0) throw new Error(`--scopes: there is no ${unknown.join(', ')}`);
  return scopes;
}

function payerOf(payer: string | undefined): string | null {
  if (payer === undefined) return null;
  if (!isAccountId(payer)) throw new Error(`--payer ${ACCOUNT_ID_RULE}`);
  return payer;
}

function spendOf(spend: string, timeZone = 'UTC'): SpendLimit | null {
  if (spend === 'none') return null;
  const [credits = '', named] = spend.split('/');
  const amount = parseCredits(credits);
  const period = CALENDAR_PERIODS.find((each) => each === named);
  if (typeof amount !== 'number' || period === undefined) throw new Error('--spend must be credits/hour, /day, /week or /month, or none');
  if (!isTimeZone(timeZone)) throw new Error('--zone must be a zone of the IANA list, such as Europe/Berlin');
  return { amount, period, timeZone };
}

function rateOf(rate: string): number | null {
  if (rate === 'none') return null;
  if (!/^[1-9]\d{0,5}$/.test(rate)) throw new Error('--rate must be a whole number above zero, or none');
  return Number(rate);
}

function expiryOf(days: string | undefined): number | undefined {
  if (days === undefined) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(days)) throw new Error(`--days must be a whole number above zero, not "${days}"`);
  return Date.now() + Number(days) * DAY_MS;
}

function describe(
  { keyId, hint, name, scopes, accountPrefix, payer, rateLimit, spendLimit, expiresAtMs, revokedAtMs, lastUsedAtMs }: ServerKeyRow,
): string {
  const at = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString());
  const state = revokedAtMs === null ? `expires ${at(expiresAtMs)}` : `revoked ${at(revokedAtMs)}`;
  const bound = payer !== null ? `, only ${payer}` : accountPrefix !== null ? `, only ${accountPrefix}…` : '';
  const rate = rateLimit === null ? '' : `, ${rateLimit} a second`;
  const spend = spendLimit === null ? '' : `, ${creditsText(spendLimit.amount)} credits a ${spendLimit.period} of ${spendLimit.timeZone}`;
  return `${keyId}  ${hint}  ${name}  [${scopes.join(', ')}]${bound}${rate}${spend}  ${state}, last used ${at(lastUsedAtMs)}`;
}
