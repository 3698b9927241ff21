import { accountPlans, accounts, limits, lowBalance, members } from './accounts.js';
import { apiKeys, operations, plans, prices, referrals, webhooks } from './configuration.js';
import { openLease, type Lease, type StreamOptions } from './lease.js';
import { charges, entries, events, grants, holds, quotes, refunds, transfers, usage } from './money.js';
import { sending, type Download, type Send } from './send.js';
import { runStream } from './stream.js';
import { transport, type CallOptions, type Fetch } from './transport.js';
import type { BodyOf } from './types.js';

export type GatewayOptions = {
  /** Where the gateway is, such as `http://localhost:3001`. */
  readonly baseUrl: string;
  /** An API key or a token, or what gives the one that is valid now. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** By default the global one. It decides about keep-alive: Node's keeps its connections open. */
  readonly fetch?: Fetch | undefined;
  /** How long a call may take with all its tries, in ms; 10 000 by default. */
  readonly deadlineMs?: number | undefined;
};

const DEADLINE_MS = 10_000;

/** Every route of `/v1`, by groups. */
export const routesOf = (send: Send, download: Download) => ({
  holds: holds(send), charges: charges(send), quotes: quotes(send), grants: grants(send), refunds: refunds(send),
  transfers: transfers(send), usage: usage(send, download), entries: entries(send, download), events: events(send),
  accounts: accounts(send, download), limits: limits(send), members: members(send), lowBalance: lowBalance(send),
  accountPlans: accountPlans(send), apiKeys: apiKeys(send), webhooks: webhooks(send), prices: prices(send), plans: plans(send),
  referrals: referrals(send), operations: operations(send),
  /** Up to 1 000 operations in one request; each has a status and a body of its own. */
  batch: (body: BodyOf<'POST /v1/batch'>, options?: CallOptions) => send('POST /v1/batch', { body }, options),
});

type Routes = ReturnType<typeof routesOf>;

/** A client of the gateway. */
export interface CreditGateway extends Routes {}
export class CreditGateway {
  constructor({ baseUrl, apiKey, fetch = globalThis.fetch, deadlineMs = DEADLINE_MS }: GatewayOptions) {
    const { send, download } = sending(transport({ baseUrl, apiKey, fetch: (url, init) => fetch(url, init), deadlineMs }));
    Object.assign(this, routesOf(send, download));
  }

  /** Places a hold for a request and keeps its lease. The caller must settle or void it. */
  lease(options: StreamOptions): Promise<Lease> {
    return openLease(this.holds, options);
  }

  /** Runs a request under a lease: places the hold, and settles what was reported, or voids, however `body` ends. */
  stream<T>(options: StreamOptions, body: (lease: Lease) => Promise<T>): Promise<T> {
    return runStream(() => this.lease(options), options, body);
  }
}
