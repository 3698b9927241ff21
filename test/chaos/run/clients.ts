import { setTimeout as sleep } from 'node:timers/promises';
import { randomOf, type Random } from '../../support/random.js';
import { caller, toCredits, type Send, type Traffic } from './caller.js';
import type { Options } from './options.js';
import type { ClientRecord, Op } from './record.js';

export type Clients = {
  readonly accounts: readonly string[];
  /** Begins nothing new. Resolves true when everything that was begun has a definite outcome. */
  finish(timeoutMs: number): Promise<boolean>;
  /** Reads every balance from each API, which loads accounts that Redis has lost. Resolves true when all have answered in time. */
  load(timeoutMs: number): Promise<boolean>;
};

export type ClientsDeps = {
  readonly options: Options;
  readonly urls: readonly string[];
  readonly apiKey: string;
  readonly record: ClientRecord;
  readonly traffic: Traffic;
};

const LOAD_AGAIN_MS = 200;
const LOAD_TIMEOUT_MS = 5_000;
const soon = (): AbortSignal => AbortSignal.timeout(LOAD_TIMEOUT_MS);
const CREDIT = 1_000_000;
/** Little, so that some requests are refused for lack of credits. */
const FIRST_GRANT = 20 * CREDIT;

/** Starts the clients. Each does one thing after the other, and holds of theirs stay open while things break. */
export function startClients({ options, urls, apiKey, record, traffic }: ClientsDeps): Clients {
  const accounts = Array.from({ length: options.accounts }, (_, index) => `user-${index + 1}`);
  const turn = pacer(options.rate);
  const granted = new Set<string>();
  let isOver = false;
  let givesUp = false;
  const client = async (random: Random): Promise<void> => {
    const send = caller({ urls, apiKey, record, traffic, random, turn, givesUp: () => givesUp });
    const mine = actor(send, random, accounts, granted, () => isOver);
    while (!isOver) await mine();
  };
  const running = Promise.all(Array.from({ length: options.clients }, (_, index) => client(randomOf(options.seed * 1_000 + index))));
  running.catch(() => undefined); // `finish` rethrows it
  return {
    accounts,
    async finish(timeoutMs) {
      isOver = true;
      const late = setTimeout(() => { givesUp = true; }, timeoutMs);
      await running;
      clearTimeout(late);
      return !givesUp;
    },
    async load(timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      const read = (url: string): Promise<boolean> => fetch(url, { headers: { authorization: `Bearer ${apiKey}` }, signal: soon() })
        .then(async (response) => (await response.arrayBuffer(), response.ok), () => false);
      for (const url of urls.flatMap((base) => accounts.map((account) => `${base}/v1/accounts/${account}/balance`))) {
        while (!await read(url)) {
          if (givesUp || Date.now() > deadline) return false;
          await sleep(LOAD_AGAIN_MS);
        }
      }
      return true;
    },
  };
}

/** At most `rate` turns per second, for all together. */
function pacer(rate: number): () => Promise<void> {
  let nextMs = performance.now();
  return async () => {
    const nowMs = performance.now();
    nextMs = Math.max(nextMs, nowMs - 1_000) + 1_000 / rate;
    if (nextMs > nowMs) await sleep(nextMs - nowMs);
  };
}

/** What one client does next. */
function actor(
  send: Send, random: Random, accounts: readonly string[], granted: Set<string>, isOver: () => boolean,
): () => Promise<void> {
  /** Own charges and holds that captured something: what can be refunded. */
  const paid: { readonly account: string; readonly of: object; readonly name: string; readonly amount: number }[] = [];
  const amount = (max: number): number => random.integer(1, max * CREDIT);

  const grant = (account: string, micros: number): Promise<Op> => {
    // A few end soon, so that lots expire while credits of them are held.
    const expiresAtMs = random.chance(0.2) ? Date.now() + random.integer(5_000, 60_000) : null;
    const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
    return send({ kind: 'grant', account, amount: micros, expiresAtMs }, {
      method: 'POST', path: '/v1/grants', body: { account, amount: toCredits(micros), expiresAt, reason: 'chaos' },
    });
  };
  const charge = async (account: string): Promise<void> => {
    const micros = amount(2);
    const body = { account, amount: toCredits(micros), feature: 'chat' };
    if (random.chance(0.3)) {
      const key = `once-${random.integer(0, 0xffff_ffff)}-${random.integer(0, 0xffff_ffff)}`;
      await send({ kind: 'once', account, amount: micros, key }, {
        method: 'POST', path: '/v1/charges', body: { ...body, metadata: { key } },
      });
      return;
    }
    const op = await send({ kind: 'charge', account, amount: micros }, { method: 'POST', path: '/v1/charges', body });
    if (op.state === 'done') paid.push({ account, of: { charge: op.key }, name: op.key, amount: micros });
  };
  const refund = async (): Promise<void> => {
    const index = random.integer(0, Math.max(0, paid.length - 1));
    const [what] = paid.splice(index, 1);
    if (what === undefined) return;
    const { account, of, name } = what;
    const micros = random.chance(0.5) ? what.amount : random.integer(1, what.amount);
    await send({ kind: 'refund', account, amount: micros, other: name }, {
      method: 'POST', path: '/v1/refunds', body: { account, of, amount: toCredits(micros), reason: 'chaos' },
    });
  };
  const transfer = async (from: string): Promise<void> => {
    const to = random.pick(accounts.filter((each) => each !== from));
    const micros = amount(5);
    await send({ kind: 'transfer', account: from, amount: micros, other: to }, {
      method: 'POST', path: '/v1/transfers', body: { from, to, amount: toCredits(micros), reason: 'chaos' },
    });
  };
  const session = async (account: string): Promise<void> => {
    const captured = await holdSession(send, random, account, isOver);
    if (captured === null || captured.amount === 0) return;
    paid.push({ account, of: { hold: captured.hold }, name: captured.hold, amount: captured.amount });
  };

  return async () => {
    const account = random.pick(accounts);
    if (!granted.has(account)) {
      granted.add(account);
      await grant(account, FIRST_GRANT + amount(10));
      return;
    }
    const dice = random.integer(0, 99);
    if (dice < 8) await grant(account, amount(15));
    else if (dice < 38) await charge(account);
    else if (dice < 46) await refund();
    else if (dice < 53) await transfer(account);
    else await session(account);
  };
}

const PAUSE_MS_MAX = 1_500;

/** One hold from its place to its end, or left to its lease. Returns what it captured, or null. */
async function holdSession(
  send: Send, random: Random, account: string, isOver: () => boolean,
): Promise<{ readonly hold: string; readonly amount: number } | null> {
  const at = (hold: string, verb: string): string => `/v1/holds/${hold}/${verb}`;
  const desired = random.integer(1_000, 4 * CREDIT);
  const hold = `h-${random.integer(0, 0xffff_ffff)}-${random.integer(0, 0xffff_ffff)}`;
  const placed = await send({ kind: 'place', account, amount: desired, hold, key: hold }, {
    method: 'POST', path: '/v1/holds', body: {
      id: hold, account, leaseSeconds: random.integer(5, 20), onExpiry: random.pick(['charge_reported', 'release']),
      amount: random.chance(0.3) ? { minimum: toCredits(1_000), desired: toCredits(desired) } : toCredits(desired),
    },
  });
  if (placed.state !== 'done') return null;
  let used = 0;
  for (let step = random.integer(0, 3); step > 0 && !isOver(); step -= 1) {
    if (random.chance(0.4)) await sleep(random.integer(0, PAUSE_MS_MAX));
    if (random.chance(0.35)) {
      const more = random.integer(1_000, CREDIT);
      await send({ kind: 'extend', account, amount: more, hold }, {
        method: 'POST', path: at(hold, 'extend'), body: { account, amount: toCredits(more), leaseSeconds: 15 },
      });
    } else {
      used += random.integer(0, Math.floor(desired / 3));
      await send({ kind: 'progress', account, amount: used, hold }, {
        method: 'POST', path: at(hold, 'progress'),
        body: { account, amount: toCredits(used), ...(random.chance(0.3) ? { extend: { headroom: toCredits(50_000) } } : {}) },
      });
    }
  }
  if (random.chance(0.12)) return null; // left to its lease
  if (used === 0 && random.chance(0.25)) {
    await send({ kind: 'void', account, amount: 0, hold }, {
      method: 'POST', path: at(hold, 'void'), body: { account, reason: 'user_stop' },
    });
    return null;
  }
  // One in eight costs more than it holds.
  const cost = random.chance(0.125) ? desired * 2 : used + random.integer(0, Math.max(0, desired - used));
  const settled = await send({ kind: 'settle', account, amount: cost, hold }, {
    method: 'POST', path: at(hold, 'settle'), body: { account, amount: toCredits(cost), reason: 'completed' },
  });
  const captured = settled.answer['captured'];
  return settled.state === 'done' && typeof captured === 'number' ? { hold, amount: captured } : null;
}
