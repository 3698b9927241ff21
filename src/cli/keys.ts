import { readConfig } from '../config.js';
import { isKeyScope, serverKeyAdmin } from '../edge/auth/manage-server-keys.js';
import type { ServerKeyRow, SpendLimit } from '../edge/auth/server-key.table.js';
import { ACCOUNT_ID_RULE, characterCount, isAccountId, isStorable } from '../kit/ids.js';
import { KEY_NAME_LENGTH_MAX } from '../kit/limits.js';
import { creditsText, parseCredits } from '../kit/money/credits.js';
import { CALENDAR_PERIODS, isTimeZone } from '../ledger/calendar-edges.js';
import { withDatabase } from './database.js';
import { say, UsageError, type Result } from './output.js';

/** `credit-gateway keys`: the keys with which services call the gateway. */

const DAY_MS = 86_400_000;

export type KeyOptions = {
  readonly name: string;
  /** Scopes, separated by commas. */
  readonly scopes: string;
  readonly days?: string;
  readonly prefix?: string;
  readonly payer?: string;
} & LimitOptions;
export type LimitOptions = { readonly rate?: string; readonly spend?: string; readonly zone?: string };

type Keys = ReturnType<typeof serverKeyAdmin>;
const withKeys = (work: (keys: Keys) => Promise<Result>): Promise<Result> =>
  withDatabase(readConfig(), say, (db) => work(serverKeyAdmin(db, Date.now)));

/** The key is the whole of stdout; what it is goes to stderr. It is shown once and never again. */
export function createKey({ name, scopes, days, prefix, payer, rate = 'none', spend = 'none', zone }: KeyOptions): Promise<Result> {
  if (name.trim() === '' || characterCount(name) > KEY_NAME_LENGTH_MAX || !isStorable(name)) {
    throw new UsageError(`--name is empty, or longer than ${KEY_NAME_LENGTH_MAX} characters: say which service the key is for`);
  }
  if (prefix !== undefined && !isAccountId(prefix)) throw new UsageError(`--prefix ${ACCOUNT_ID_RULE}`);
  const command = {
    name, scopes: scopesOf(scopes), expiresAtMs: expiryOf(days) ?? null, accountPrefix: prefix ?? null, payer: payerOf(payer),
    rateLimit: rateOf(rate), spendLimit: spendOf(spend, zone), createdBy: 'command', key: null,
  };
  return withKeys(async (keys) => shownOnce(await keys.createApiKey(command)));
}

export function rotateKey(keyId: string, { days }: Pick<KeyOptions, 'days'>): Promise<Result> {
  const expiresAtMs = expiryOf(days);
  return withKeys(async (keys) => shownOnce(await keys.rotate({ keyId, expiresAtMs, createdBy: 'command', key: null })));
}

export function limitKey(keyId: string, { rate, spend, zone }: LimitOptions): Promise<Result> {
  if (rate === undefined && spend === undefined) throw new UsageError('say --rate or --spend');
  const limits = {
    rateLimit: rate === undefined ? undefined : rateOf(rate), spendLimit: spend === undefined ? undefined : spendOf(spend, zone),
  };
  return withKeys(async (keys) => shown(await keys.limit(keyId, limits)));
}

export const listKeys = (): Promise<Result> => withKeys(async (keys) => {
  const rows = await keys.list();
  return { json: rows.map(present), text: rows.length === 0 ? 'there are no keys' : rows.map(describe).join('\n') };
});

/** A revoked key is refused within a second. */
export const revokeKey = (keyId: string): Promise<Result> => withKeys(async (keys) => shown(await keys.revoke(keyId)));

function shownOnce({ row, key }: { readonly row: ServerKeyRow; readonly key: string | null }): Result {
  say(describe(row));
  return { text: key ?? '', json: { ...present(row), key } };
}

const shown = (row: ServerKeyRow): Result => ({ text: describe(row), json: present(row) });

function scopesOf(text: string): string[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  const unknown = scopes.filter((scope) => !isKeyScope(scope));
  if (unknown.length > 0) throw new UsageError(`--scopes: there is no ${unknown.join(', ')}`);
  return scopes;
}

function payerOf(payer: string | undefined): string | null {
  if (payer === undefined) return null;
  if (!isAccountId(payer)) throw new UsageError(`--payer ${ACCOUNT_ID_RULE}`);
  return payer;
}

function spendOf(spend: string, timeZone = 'UTC'): SpendLimit | null {
  if (spend === 'none') return null;
  const [credits = '', named] = spend.split('/');
  const amount = parseCredits(credits);
  const period = CALENDAR_PERIODS.find((each) => each === named);
  if (typeof amount !== 'number' || period === undefined) {
    throw new UsageError('--spend must be credits/hour, /day, /week or /month, or none');
  }
  if (!isTimeZone(timeZone)) throw new UsageError('--zone must be a zone of the IANA list, such as Europe/Berlin');
  return { amount, period, timeZone };
}

function rateOf(rate: string): number | null {
  if (rate === 'none') return null;
  if (!/^[1-9]\d{0,5}$/.test(rate)) throw new UsageError('--rate must be a whole number above zero, or none');
  return Number(rate);
}

function expiryOf(days: string | undefined): number | undefined {
  if (days === undefined) return undefined;
  if (!/^[1-9]\d{0,4}$/.test(days)) throw new UsageError(`--days must be a whole number above zero, not "${days}"`);
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

function present({ keyId, hint, name, scopes, accountPrefix, payer, rateLimit, spendLimit, ...times }: ServerKeyRow) {
  const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: keyId, hint, name, scopes, accountPrefix, payer, rateLimit,
    spendLimit: spendLimit === null ? null : { ...spendLimit, amount: creditsText(spendLimit.amount) },
    expiresAt: at(times.expiresAtMs), revokedAt: at(times.revokedAtMs), lastUsedAt: at(times.lastUsedAtMs),
  };
}
