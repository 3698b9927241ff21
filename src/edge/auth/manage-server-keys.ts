import type { CallerKey } from '../../kit/caller.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { fingerprint, isStorable, newId } from '../../kit/ids.js';
import { API_SCOPES, KEY_SCOPES } from '../../kit/principal.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { makeServerKey } from './server-key.js';
import {
  insertServerKey, listServerKeys, liveKeysOf, lockKeys, readKeyOfRequest, readServerKey, revokeServerKey, updateRateLimit,
  updateSpendLimit, type KeyRequest, type NewKeyRow, type ServerKeyRow, type SpendLimit,
} from './server-key.table.js';

export type CreateServerKey = {
  readonly name: string;
  /** Of SERVER_SCOPES, or `*`. */
  readonly scopes: readonly string[];
  readonly expiresAtMs: number | null;
  readonly createdBy: string;
};

export type CreateApiKey = Omit<CreateServerKey, 'scopes'> & {
  /** Of KEY_SCOPES, or `*`. */
  readonly scopes: readonly string[];
  readonly accountPrefix: string | null;
  readonly payer: string | null;
  /** Requests per second; null: the gateway's default. */
  readonly rateLimit: number | null;
  /** What it may spend in all accounts; null: no limit. */
  readonly spendLimit: SpendLimit | null;
  readonly key: CallerKey | null;
};

/** Absent: stays as it is. Null: the gateway's default rate, and no limit of what is spent. */
export type KeyLimitsChange = { readonly rateLimit?: number | null | undefined; readonly spendLimit?: SpendLimit | null | undefined };

export type RotateApiKey = {
  readonly keyId: string;
  /** Undefined: the new key lives as long as the old one was made for. */
  readonly expiresAtMs: number | null | undefined;
  readonly createdBy: string;
  readonly key: CallerKey | null;
};

/** The plain key. It is returned only here and cannot be read again. */
export type CreatedServerKey = { readonly row: ServerKeyRow; readonly key: string };

/** `key` is null for a repeat: the key was told once, and is kept only as a digest. */
export type CreatedApiKey = { readonly row: ServerKeyRow; readonly key: string | null; readonly replayed: boolean };

/** What operators do to keys, by command and over HTTP. All throw GatewayError ledger_unavailable. */
export type ServerKeyAdmin = {
  /** A key for the credits process. Any number of them may have one name. */
  readonly create: (command: CreateServerKey) => Promise<CreatedServerKey>;
  /** The first live key of a name. Throws GatewayError conflict, invalid_request, idempotency_mismatch. */
  readonly createApiKey: (command: CreateApiKey) => Promise<CreatedApiKey>;
  /**
   * A second live key beside the one that is named, with its name, scopes and bounds. Throws GatewayError not_found, conflict (two
   * are live; the message names the older one), idempotency_mismatch.
   */
  readonly rotate: (command: RotateApiKey) => Promise<CreatedApiKey>;
  /**
   * Changes what is named; in force everywhere within a second. What a key may spend is set for all keys of its name, which count
   * together. Throws GatewayError not_found, invalid_request (a key of the credits process spends without a limit).
   */
  readonly limit: (keyId: string, change: KeyLimitsChange) => Promise<ServerKeyRow>;
  readonly list: () => Promise<ServerKeyRow[]>;
  /** Refused everywhere within a second. Throws GatewayError not_found. */
  readonly revoke: (keyId: string) => Promise<ServerKeyRow>;
};

export const isKeyScope = (text: string): boolean => text === '*' || KEY_SCOPES.some((scope) => scope === text);

/** Live keys of one name: a service uses the old one until it has the new one. */
const LIVE_KEYS_MAX = 2;

export function serverKeyAdmin(db: Db, clock: () => number): ServerKeyAdmin {
  const reached = async <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => { throw toGatewayError(error); });
  return {
    create: async ({ name, scopes, expiresAtMs, createdBy }) => {
      const { key, ...made } = madeKey();
      const row = await reached(insertServerKey(db, {
        ...made, callerId: made.keyId, name, scopes: [...new Set(scopes)], createdBy, expiresAtMs, accountPrefix: null, payer: null,
        rateLimit: null, spendLimit: null, request: null,
      }));
      return { row, key };
    },
    createApiKey: (command) => reached(db.transaction((trx) => createApiKey(trx, command, clock()))),
    rotate: (command) => reached(db.transaction((trx) => rotate(trx, command, clock()))),
    list: () => reached(listServerKeys(db)),
    revoke: async (keyId) => {
      // Postgres cannot be asked about text that it cannot store; no key is called so.
      return there(isStorable(keyId) ? await reached(revokeServerKey(db, keyId)) : null);
    },
    limit: async (keyId, change) => there(isStorable(keyId) ? await reached(db.transaction((trx) => limit(trx, keyId, change))) : null),
  };
}

function there(row: ServerKeyRow | null): ServerKeyRow {
  if (row === null) throw new GatewayError('not_found', 'there is no such key');
  return row;
}

const madeKey = () => ({ keyId: newId(), ...makeServerKey() });

async function createApiKey(trx: Trx, command: CreateApiKey, nowMs: number): Promise<CreatedApiKey> {
  const { name, accountPrefix, payer, rateLimit, spendLimit, expiresAtMs, createdBy } = command;
  const scopes = [...new Set(command.scopes)].sort();
  assertBound(command);
  if (spendLimit !== null) assertSpends(scopes);
  await lockKeys(trx, `name ${name}`);
  const request = requestOf('create', command.key, name, scopes.join(' '), accountPrefix, payer, expiresAtMs,
    ...(rateLimit === null ? [] : [rateLimit]), ...(spendLimit === null ? [] : [JSON.stringify(spendLimit)]));
  const earlier = await replayOf(trx, request);
  if (earlier !== null) return earlier;
  const [live] = await liveKeysOf(trx, name, nowMs);
  if (live !== undefined) {
    throw new GatewayError('conflict', `the key ${live.keyId} of this name is live: rotate or revoke it`, {
      sources: [{ path: 'body.name', message: 'has a live key' }],
    });
  }
  const { key, ...made } = madeKey();
  return insert(trx, {
    ...made, callerId: made.keyId, name, scopes, accountPrefix, payer, rateLimit, spendLimit, createdBy, expiresAtMs, request,
  }, key);
}

async function limit(trx: Trx, keyId: string, { rateLimit, spendLimit }: KeyLimitsChange): Promise<ServerKeyRow | null> {
  const row = await readServerKey(trx, keyId);
  if (row === null) return null;
  // So that a key of the name that is made meanwhile gets the same.
  await lockKeys(trx, `name ${row.name}`);
  if (spendLimit !== undefined && spendLimit !== null) assertSpends(row.scopes);
  const rated = rateLimit === undefined ? row : await updateRateLimit(trx, keyId, rateLimit);
  return spendLimit === undefined ? rated : updateSpendLimit(trx, keyId, spendLimit);
}

async function rotate(trx: Trx, { keyId, createdBy, ...command }: RotateApiKey, nowMs: number): Promise<CreatedApiKey> {
  const old = isStorable(keyId) ? await readServerKey(trx, keyId) : null;
  if (old === null) throw new GatewayError('not_found', 'there is no such key');
  await lockKeys(trx, `name ${old.name}`);
  const request = requestOf('rotate', command.key, keyId, command.expiresAtMs ?? null);
  const earlier = await replayOf(trx, request);
  if (earlier !== null) return earlier;
  const live = await liveKeysOf(trx, old.name, nowMs);
  if (!live.some((each) => each.keyId === keyId)) throw new GatewayError('conflict', 'the key has ended; make a new one');
  if (live.length >= LIVE_KEYS_MAX) {
    throw new GatewayError('conflict', `${live.length} keys of this name are live; revoke the oldest one, ${live[0]?.keyId ?? ''}, first`);
  }
  const lifeMs = old.expiresAtMs === null ? null : old.expiresAtMs - old.createdAtMs;
  const { callerId, name, scopes, accountPrefix, payer, rateLimit, spendLimit } = old;
  const { key, ...made } = madeKey();
  const expiresAtMs = command.expiresAtMs === undefined ? lifeMs === null ? null : nowMs + lifeMs : command.expiresAtMs;
  return insert(trx, {
    ...made, callerId, name, scopes, accountPrefix, payer, rateLimit, spendLimit, createdBy, expiresAtMs, request,
  }, key);
}

async function insert(trx: Trx, row: NewKeyRow, key: string): Promise<CreatedApiKey> {
  return { row: await insertServerKey(trx, row), key, replayed: false };
}

const requestOf = (operation: string, named: CallerKey | null, ...parts: (string | number | null)[]): KeyRequest | null =>
  (named === null ? null : { key: `${operation}/${named.caller}/${named.key}`, fingerprint: fingerprint(operation, ...parts) });

async function replayOf(trx: Trx, request: KeyRequest | null): Promise<CreatedApiKey | null> {
  if (request === null) return null;
  await lockKeys(trx, `request ${request.key}`);
  const row = await readKeyOfRequest(trx, request.key);
  if (row === null) return null;
  if (row.fingerprint === request.fingerprint) return { row, key: null, replayed: true };
  throw new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');
}

/** The credits process does not count by keys. */
function assertSpends(scopes: readonly string[]): void {
  if (scopes.every((scope) => API_SCOPES.some((each) => each === scope))) return;
  throw invalid('body.spendLimit', `is of keys that have only the scopes ${API_SCOPES.join(', ')}`);
}

/** The routes of the credits process know neither prefix nor payer, so a key that is bound must not open them. */
function assertBound({ scopes, accountPrefix, payer }: CreateApiKey): void {
  if (accountPrefix === null && payer === null) return;
  if (accountPrefix !== null && payer !== null) throw invalid('body.payer', 'a key is bound to a prefix or to a payer, not to both');
  if (scopes.every((scope) => API_SCOPES.some((each) => each === scope))) return;
  throw invalid('body.scopes', `a key that is bound to accounts may only have the scopes ${API_SCOPES.join(', ')}`);
}
