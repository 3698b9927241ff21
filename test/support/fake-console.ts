import type { FreezeCommand, Frozen } from '../../src/credits/accounts/freeze-account.js';
import type { RefusalsQuery } from '../../src/credits/refusals/refusal.table.js';
import type { AccountReads, HoldLife, OperatorActions } from '../../src/edge/console/accounts.js';
import type { ConsoleDeps } from '../../src/edge/console/console.routes.js';
import type { DeadLetterDesk, LetterDecision } from '../../src/edge/console/dead-letter-pages.js';
import type { ListReads } from '../../src/edge/console/lists/all-lists.js';
import type { Watch } from '../../src/edge/console/overview.js';
import { consoleSessions, type SessionStore } from '../../src/edge/console/sessions.js';
import { micros, ZERO } from '../../src/kit/money/micros.js';
import { NO_TERMS } from '../../src/ledger/account-terms.js';
import type { AccountSnapshot } from '../../src/ledger/account-snapshot.js';
import { figuresOf, TOTALS } from '../../src/ledger/figures.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A console without servers; a test may replace each part. */
export type FakeConsole = {
  readonly deps: Omit<ConsoleDeps, 'authenticate' | 'clock'>;
  readonly watch: Mutable<Watch>;
  readonly reads: Mutable<AccountReads>;
  readonly actions: Mutable<OperatorActions>;
  readonly lists: Mutable<ListReads>;
  readonly froze: (FreezeCommand & { readonly what: 'freeze' | 'thaw' })[];
  readonly asked: RefusalsQuery[];
  /** Accounts that were compared. */
  readonly compared: string[];
  readonly decided: LetterDecision[];
  /** Users who reached the queue board, and how. */
  readonly board: string[];
};

const snapshot: AccountSnapshot = {
  available: micros(10_000_000), held: ZERO, debt: ZERO, seq: 1, lots: [], holds: [], frozen: false, terms: NO_TERMS,
  totals: { ...figuresOf(TOTALS, () => ZERO), granted: micros(10_000_000) },
};

export function fakeConsole(): FakeConsole {
  const froze: FakeConsole['froze'] = [];
  const asked: RefusalsQuery[] = [];
  const compared: string[] = [];
  const decided: LetterDecision[] = [];
  const reached: string[] = [];
  let isFrozen = false;
  const notFaked = (): Promise<never> => Promise.reject(new Error('not faked'));
  const none = <T>(): Promise<readonly T[]> => Promise.resolve([]);
  const watch: Mutable<Watch> = {
    readiness: () => ({
      serving: true,
      checks: { ledger: { ok: true, detail: 'open' }, redis: { ok: true, detail: 'breaker closed' }, memory: { ok: true, detail: 'ok' } },
    }),
    postgres: () => Promise.resolve(), lag: () => Promise.resolve({ entries: 0, seconds: 0 }), holds: () => Promise.resolve({ open: 0 }),
    stoppedShards: none, losses: none, overdue: none, quarantined: () => Promise.resolve(0),
    pendingMoney: () => Promise.resolve({ count: 0, oldestSeconds: 0 }),
    queues: none, deadLetters: () => Promise.resolve(0), findings: none, frozen: none,
    reconciled: () => Promise.resolve({
      roundIsFull: false, roundAccounts: 0, fullWanted: false, lastBatchAtMs: null, lastRoundAtMs: null, lastRoundAccounts: null,
      lastFullAtMs: null,
    }),
    refused: () => Promise.resolve({ reasons: [], accounts: [] }), models: () => Promise.resolve({ fromMs: 0, models: [] }),
    hours: () => Promise.resolve({ fromMs: 0, toMs: 86_400_000, hours: [] }), recent: () => [],
  };
  const reads: Mutable<AccountReads> = {
    find: none, profile: () => Promise.resolve(null), snapshot: () => Promise.resolve({ ...snapshot, frozen: isFrozen }),
    history: () => Promise.resolve({ entries: [], next: null }), plan: () => Promise.resolve(null), balances: none,
    hold: (): Promise<HoldLife | null> => Promise.resolve(null),
    refusals: (query) => {
      asked.push(query);
      return Promise.resolve([]);
    },
    freezeOf: () => Promise.resolve(isFrozen ? { reason: froze.at(-1)?.reason ?? '', actor: froze.at(-1)?.actor ?? '', atMs: 0 } : null),
  };
  const freezing = (what: 'freeze' | 'thaw') => (command: FreezeCommand): Promise<Frozen> => {
    froze.push({ what, ...command });
    isFrozen = what === 'freeze';
    return Promise.resolve({ accountId: command.accountId, frozen: isFrozen, changed: true });
  };
  const actions: Mutable<OperatorActions> = {
    grant: notFaked, adjust: notFaked, settle: notFaked, void: notFaked, freeze: freezing('freeze'), thaw: freezing('thaw'),
    compare: (accountId) => {
      compared.push(accountId);
      return Promise.resolve({ accountId, shard: 0, seq: 1, result: 'ok', reason: null, differences: [] });
    },
  };
  const lists = emptyLists();
  const board: ConsoleDeps['board'] = (ctx, { role }) => {
    reached.push(`${role} ${ctx.method} ${ctx.path}`);
    ctx.body = 'board';
    return Promise.resolve();
  };
  // Read on each call, so that a test may replace one after the routes were made.
  const asks: OperatorActions = {
    grant: (command) => actions.grant(command), adjust: (command) => actions.adjust(command),
    settle: (command) => actions.settle(command), void: (command) => actions.void(command),
    freeze: (command) => actions.freeze(command), thaw: (command) => actions.thaw(command),
    compare: (accountId) => actions.compare(accountId),
  };
  return {
    deps: {
      watch, reads, actions: asks, lists, imports: { books: ['native'], plan: () => ({ items: [], unused: new Map() }) },
      resending: { delivery: notFaked, resend: notFaked }, deadLetters: deskOf(decided), board, onError: () => undefined,
      sessions: consoleSessions({ store: memoryStore(), clock: Date.now, idleSeconds: 1_800, onError: () => undefined }),
      trail: { asked: () => Promise.resolve(), ended: () => Promise.resolve(), read: none },
    },
    watch, reads, actions, lists, froze, asked, compared, decided, board: reached,
  };
}

/** Lists without a row. */
function emptyLists(): Mutable<ListReads> {
  const page = () => Promise.resolve({ rows: [], next: null });
  return {
    accounts: page, holds: page, lots: page, refusals: page, limits: page, members: page, deliveries: page,
    accountSums: () => Promise.resolve({ accounts: 0, debtors: 0, frozen: 0, available: 0, held: 0, debt: 0 }),
    holdSums: () => Promise.resolve({ open: 0, overdue: 0, reserved: 0 }),
    lotSums: () => Promise.resolve({ live: 0, remaining: 0, ending: 0, endingCredits: 0 }),
    refusedLately: () => Promise.resolve({ reasons: [], accounts: [] }),
    limitCounts: () => Promise.resolve({ limits: 0, accounts: 0, pending: 0 }),
    poolCounts: () => Promise.resolve({ pools: 0, members: 0 }), prices: () => [], plans: () => Promise.resolve([]),
    features: () => Promise.resolve({ endpoints: [], packages: [] }), keys: () => Promise.resolve([]), webhooks: () => Promise.resolve([]),
    webhookState: () => Promise.resolve({ oldestDueSeconds: 0, pending: 0 }),
  };
}

/** Sessions in memory. Their time does not run out. */
export function memoryStore(): SessionStore {
  const values = new Map<string, string>();
  return {
    put: (key, value) => { values.set(key, value); return Promise.resolve(); },
    read: (key) => Promise.resolve(values.get(key) ?? null),
    remove: (key) => { values.delete(key); return Promise.resolve(); },
  };
}

/** No letter waits; decisions are noted. */
const deskOf = (decided: LetterDecision[]): DeadLetterDesk => ({
  list: () => Promise.resolve({ letters: [], silent: [] }),
  decide: (decision) => {
    decided.push(decision);
    return Promise.resolve(0);
  },
});
