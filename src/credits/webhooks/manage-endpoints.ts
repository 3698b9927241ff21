import type { CallerKey } from '../../kit/caller.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { fingerprint, newId } from '../../kit/ids.js';
import { WEBHOOK_ENDPOINTS_MAX, WEBHOOK_ENDPOINTS_PER_FILTER_MAX } from '../../kit/limits.js';
import type { Precondition } from '../../kit/precondition.js';
import { problemOfHost, problemOfUrl, type OutboundRules, type Resolve } from '../../stores/outbound/public-address.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import {
  countEndpoints, deleteEndpoint, insertEndpoint, listEndpoints, lockEndpoints, readEndpoint, readEndpointOfRequest, rotateSecret,
  updateEndpoint, type EndpointFilter, type EndpointRequest, type EndpointRow, type EndpointSettings,
} from './endpoint.table.js';
import { newSecret } from './secrets.js';

export type WebhooksDeps = {
  readonly db: Db;
  readonly clock: Clock;
  readonly rules: OutboundRules;
  /** Asks DNS; by default the resolver of the system. */
  readonly resolve?: Resolve;
};

/** Whether a caller may know of an endpoint: only of those whose accounts are all the caller's. Others do not exist for it. */
export type MaySee = (filter: EndpointFilter) => boolean;

export type CreateEndpoint = {
  readonly settings: EndpointSettings;
  readonly createdBy: string;
  readonly key: CallerKey | null;
};

/** `secret` is null where it is not told again. */
export type ToldEndpoint = { readonly endpoint: EndpointRow; readonly secret: string | null; readonly replayed: boolean };

export type RotateSecret = {
  readonly endpointId: string;
  /** How long the secret in use signs on; 0: it ends now. */
  readonly keepMs: number;
  readonly check: Precondition;
  readonly key: CallerKey | null;
};

/** What callers do with endpoints. All throw GatewayError ledger_unavailable; `not_found` for one that `maySee` hides. */
export type Webhooks = ReturnType<typeof webhooks>;

export function webhooks(deps: WebhooksDeps) {
  const { db, clock } = deps;
  const reached = async <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => { throw toGatewayError(error); });
  const changing = <T>(work: (trx: Trx) => Promise<T>): Promise<T> => reached(db.transaction(work));
  const found = async (endpointId: string, maySee: MaySee): Promise<EndpointRow> =>
    seen(await reached(readEndpoint(db, endpointId)), maySee);
  return {
    /** @throws GatewayError invalid_request (the URL), limit_exceeded, idempotency_mismatch */
    create: async (command: CreateEndpoint): Promise<ToldEndpoint> => {
      const { settings } = command;
      await assertReachable(deps, settings.url);
      return changing((trx) => create(trx, command, clock()));
    },
    list: async (maySee: MaySee): Promise<EndpointRow[]> => (await reached(listEndpoints(db))).filter(maySee),
    read: found,
    /** @throws GatewayError invalid_request (the URL), limit_exceeded, precondition_failed */
    update: async (endpointId: string, settings: EndpointSettings, check: Precondition, maySee: MaySee): Promise<EndpointRow> => {
      await found(endpointId, maySee);
      await assertReachable(deps, settings.url);
      return changing(async (trx) => {
        await lockEndpoints(trx);
        const before = seen(await readEndpoint(trx, endpointId, true), maySee);
        check(before.version);
        if (before.accountId !== settings.accountId || before.accountPrefix !== settings.accountPrefix) await assertRoom(trx, settings);
        return isSame(before, settings) ? before : updateEndpoint(trx, endpointId, settings, clock());
      });
    },
    /** @throws GatewayError precondition_failed */
    remove: (endpointId: string, check: Precondition, maySee: MaySee): Promise<void> => changing(async (trx) => {
      check(seen(await readEndpoint(trx, endpointId, true), maySee).version);
      await deleteEndpoint(trx, endpointId);
    }),
    /** @throws GatewayError precondition_failed, idempotency_mismatch */
    rotate: ({ endpointId, keepMs, check, key }: RotateSecret, maySee: MaySee): Promise<ToldEndpoint> => changing(async (trx) => {
      const before = seen(await readEndpoint(trx, endpointId, true), maySee);
      const rotationKey = key === null ? null : `${fingerprint(key.caller, key.key)} ${keepMs}`;
      if (isRepeat(before.rotationKey, rotationKey)) return { endpoint: before, secret: before.secret, replayed: true };
      check(before.version);
      const secret = newSecret();
      const previousEndsAtMs = keepMs === 0 ? null : clock() + keepMs;
      return { endpoint: await rotateSecret(trx, endpointId, { secret, previousEndsAtMs, rotationKey }), secret, replayed: false };
    }),
  };
}

function seen(endpoint: EndpointRow | null, maySee: MaySee): EndpointRow {
  if (endpoint !== null && maySee(endpoint)) return endpoint;
  throw new GatewayError('not_found', 'there is no such webhook');
}

/** DNS is asked here for a precise answer, and again with every connection. */
async function assertReachable({ rules, resolve }: WebhooksDeps, url: string): Promise<void> {
  const problem = problemOfUrl(url, rules) ?? await problemOfHost(url, rules, resolve);
  if (problem !== null) throw invalid('body.url', problem);
}

async function create(trx: Trx, { settings, createdBy, key }: CreateEndpoint, nowMs: number): Promise<ToldEndpoint> {
  await lockEndpoints(trx);
  const request = requestOf(key, settings);
  const earlier = request === null ? null : await readEndpointOfRequest(trx, request.key);
  if (earlier !== null) {
    if (earlier.requestFingerprint !== request?.fingerprint) throw otherRequest();
    // After a rotation its secret is not the one of this request.
    return { endpoint: earlier, secret: earlier.version === 1 ? earlier.secret : null, replayed: true };
  }
  await assertRoom(trx, settings);
  const endpointId = `whe_${newId().replaceAll('-', '')}`;
  const secret = newSecret();
  return { endpoint: await insertEndpoint(trx, { ...settings, endpointId, secret, createdBy, nowMs, request }), secret, replayed: false };
}

const otherRequest = (): GatewayError =>
  new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');

/** Whether a rotation is the one before once more. Both are `key request`. @throws GatewayError idempotency_mismatch */
function isRepeat(before: string | null, now: string | null): boolean {
  if (before === null || now === null || before.split(' ')[0] !== now.split(' ')[0]) return false;
  if (before !== now) throw otherRequest();
  return true;
}

async function assertRoom(trx: Trx, filter: EndpointFilter): Promise<void> {
  const { all, same } = await countEndpoints(trx, filter);
  if (all >= WEBHOOK_ENDPOINTS_MAX) throw new GatewayError('limit_exceeded', `there are ${WEBHOOK_ENDPOINTS_MAX} webhooks already`);
  if (same >= WEBHOOK_ENDPOINTS_PER_FILTER_MAX) {
    throw new GatewayError('limit_exceeded', `there are ${WEBHOOK_ENDPOINTS_PER_FILTER_MAX} webhooks for these accounts already`);
  }
}

const requestOf = (key: CallerKey | null, settings: EndpointSettings): EndpointRequest | null => (key === null ? null : {
  key: `webhook/${key.caller}/${key.key}`, fingerprint: fingerprint('webhook', textOf(settings)),
});

const isSame = (before: EndpointRow, settings: EndpointSettings): boolean =>
  textOf({ ...before, enabled: before.state === 'enabled' }) === textOf(settings);

const textOf = ({ url, description, eventTypes, accountId, accountPrefix, lowBalance, enabled }: EndpointSettings): string =>
  JSON.stringify([url, description, eventTypes, accountId, accountPrefix, lowBalance, enabled]);
