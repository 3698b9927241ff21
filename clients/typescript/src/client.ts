import { accountPlans, accounts, limits, lowBalance, members, terms } from './accounts.js';
import { apiKeys, operations, plans, prices, referrals, webhooks } from './configuration.js';
import { Allowance, type Allow } from './allowance.js';
import type { Lease, LeaseHooks, StreamOptions } from './lease.js';
import { charges, entries, events, grants, holds, quotes, refunds, transfers, usage } from './money.js';
import { sending, type Download, type Send } from './send.js';
import { openLease, runStream, type LeaseDeps, type RunningLease } from './run-lease.js';
import { transport, type CallOptions, type Fetch } from './transport.js';
import type { BodyOf } from './types.js';

export type GatewayOptions = LeaseHooks & {
  /** Where the gateway is, such as `http://localhost:3001`. */
  readonly baseUrl: string;
  /** An API key or a token, or what gives the one that is valid now. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** By default the global one. It decides about keep-alive: Node's keeps its connections open. */
  readonly fetch?: Fetch | undefined;
  /** How long a call may take with all its tries, in ms; 10 000 by default. */
  readonly deadlineMs?: number | undefined;
  /**
   * What streams do while the gateway does not answer: by default they are refused. `allow` lets them run up to a bound per
   * process, and charges them if the gateway is back when they end.
   */
  readonly onUnavailable?: 'refuse' | Allow | undefined;
  /**
   * What happens to open leases on SIGTERM, SIGINT and `beforeExit`: `settle` (default) ends them with what was reported;
   * `report` only reports, for a server that lets its streams end before it exits; `ignore` does nothing.
   */
  readonly onExit?: 'settle' | 'report' | 'ignore' | undefined;
};

const DEADLINE_MS = 10_000;
/** How long a process that ends waits for its leases, in ms. */
const EXIT_MS = 5_000;

/** Every route of `/v1`, by groups. */
export const routesOf = (send: Send, download: Download) => ({
  holds: holds(send), charges: charges(send), quotes: quotes(send), grants: grants(send), refunds: refunds(send),
  transfers: transfers(send), usage: usage(send, download), entries: entries(send, download), events: events(send),
  accounts: accounts(send, download), limits: limits(send), terms: terms(send), members: members(send), lowBalance: lowBalance(send),
  accountPlans: accountPlans(send), apiKeys: apiKeys(send), webhooks: webhooks(send), prices: prices(send), plans: plans(send),
  referrals: referrals(send), operations: operations(send),
  /** Up to 1 000 operations in one request; each has a status and a body of its own. */
  batch: (body: BodyOf<'POST /v1/batch'>, options?: CallOptions) => send('POST /v1/batch', { body }, options),
});

type Routes = ReturnType<typeof routesOf>;

/** A client of the gateway. */
export class CreditGateway {
  declare readonly holds: Routes['holds'];
  declare readonly charges: Routes['charges'];
  declare readonly quotes: Routes['quotes'];
  declare readonly grants: Routes['grants'];
  declare readonly refunds: Routes['refunds'];
  declare readonly transfers: Routes['transfers'];
  declare readonly usage: Routes['usage'];
  declare readonly entries: Routes['entries'];
  declare readonly events: Routes['events'];
  declare readonly accounts: Routes['accounts'];
  declare readonly terms: Routes['terms'];
  declare readonly limits: Routes['limits'];
  declare readonly members: Routes['members'];
  declare readonly lowBalance: Routes['lowBalance'];
  declare readonly accountPlans: Routes['accountPlans'];
  declare readonly apiKeys: Routes['apiKeys'];
  declare readonly webhooks: Routes['webhooks'];
  declare readonly prices: Routes['prices'];
  declare readonly plans: Routes['plans'];
  declare readonly referrals: Routes['referrals'];
  declare readonly operations: Routes['operations'];
  declare readonly batch: Routes['batch'];

  readonly #leases: LeaseDeps;
  readonly #open = new Set<RunningLease>();

  /** @throws TypeError for an address or a bound that is none */
  constructor(options: GatewayOptions) {
    const { baseUrl, apiKey, fetch = globalThis.fetch, deadlineMs = DEADLINE_MS, onUnavailable = 'refuse', onExit = 'settle' } = options;
    if (!/^https?:\/\//.test(baseUrl)) throw new TypeError(`baseUrl must begin with http:// or https://, not '${baseUrl}'`);
    const { send, download } = sending(transport({ baseUrl, apiKey, fetch: (url, init) => fetch(url, init), deadlineMs }));
    Object.assign(this, routesOf(send, download));
    this.#leases = {
      holds: this.holds, charges: this.charges, onUnsettled: options.onUnsettled,
      allowance: onUnavailable === 'refuse' ? null : new Allowance(onUnavailable),
      exit: onExit === 'ignore' ? null : { how: onExit, withinMs: Math.min(EXIT_MS, deadlineMs) },
    };
  }

  /**
   * Places a hold for a request and keeps its lease. The caller must settle or void it.
   *
   * @throws GatewayError, or the reason of the signal
   */
  lease(options: StreamOptions): Promise<Lease> {
    return this.#lease(options);
  }

  /**
   * Runs a request under a lease: places the hold, and settles what was reported, or voids if nothing was, however `body` ends.
   *
   * @throws what `body` throws; GatewayError when the hold is refused; UnsettledError when only the end failed
   */
  async stream<T>(options: StreamOptions, body: (lease: Lease) => Promise<T>): Promise<T> {
    return runStream(await this.#lease(options), options.signal, body);
  }

  /** Ends every open lease with what was reported. For servers that end by themselves. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((lease) => lease.conclude(lease.endReason)));
  }

  async #lease(options: StreamOptions): Promise<RunningLease> {
    const lease = await openLease({ ...this.#leases, onEnd: (ended) => { this.#open.delete(ended); } }, options);
    this.#open.add(lease);
    return lease;
  }
}
