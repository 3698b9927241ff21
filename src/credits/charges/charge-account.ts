import { readNamedEntries } from '../../books/earlier-charge.table.js';
import { readEntry } from '../../books/entry.table.js';
import type { CallerKey } from '../../kit/caller.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import { KEYS_KEPT_DAYS } from '../../kit/limits.js';
import type { Micros } from '../../kit/money/micros.js';
import { chargeKey, chargeKeyText } from '../../ledger/charge-key.js';
import { readFacts, writeFacts, type PricedFact } from '../../ledger/facts.js';
import type { Spending } from '../../ledger/limits.js';
import { spendingFact } from '../../ledger/spending-fact.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { nativeLimitReached } from '../limits/limit-refusal.js';
import type { NativeBook } from '../prices/native-book.js';
import { pricedAgain, priceUsage, sumOf, type ModelUsage, type PricedUsage } from '../prices/price-usage.js';
import { chargeRefusal } from './charge-refusal.js';

const DAY_MS = 86_400_000;

export type ChargeAccountDeps = {
  readonly ledger: Pick<Ledger, 'charge'>;
  readonly book: () => NativeBook;
  readonly db: Db;
  readonly clock: Clock;
  /** Writes what Redis has of the account to Postgres. */
  readonly bringUpToDate: (accountId: string) => Promise<void>;
};

export type ChargeAccount = {
  readonly accountId: string;
  /** An amount, or what was used. */
  readonly what: { readonly amount: Micros } | { readonly usages: readonly ModelUsage[]; readonly paths: readonly string[] };
  /** What it was for, in the caller's words: a feature of the product. */
  readonly feature: string | null;
  /** Who spends, beside the feature: which limits of the account it counts against. */
  readonly spending?: Pick<Spending, 'spender' | 'key'> | undefined;
  readonly actor: string;
  readonly reason: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly key: CallerKey | null;
};

export type Charged = {
  readonly seq: number;
  readonly atMs: number;
  readonly amount: Micros;
  readonly available: Micros;
  /** How the amount came about; empty for a charge by amount. */
  readonly priced: readonly PricedUsage[];
  readonly replayed: boolean;
};

/** The model that limits match: of usage of one model, that. */
const modelOf = (what: ChargeAccount['what']): string | undefined => {
  const models = new Set('usages' in what ? what.usages.map(({ model }) => model) : []);
  return models.size === 1 ? [...models][0] : undefined;
};

/**
 * Charges an account in one step, all or nothing, by an amount or for usage. Usage that is refused for lack of credits is
 * recorded as uncollected, because it has happened. A repeat is answered with the first amount and its prices.
 *
 * @throws GatewayError those of `priceUsage`; insufficient_credits, limit_reached, idempotency_mismatch, account_frozen,
 *   ledger_unavailable.
 */
export async function chargeAccount(deps: ChargeAccountDeps, command: ChargeAccount): Promise<Charged> {
  const { accountId, what, feature, actor, reason, metadata, key } = command;
  const print = fingerprintOf(command);
  let priced: readonly PricedUsage[] = [];
  if ('usages' in what) {
    try {
      priced = priceAll(deps.book(), what.usages, what.paths);
    } catch (error) {
      // The price may have ended since the first request.
      const earlier = await earlierCharge(deps, accountId, key, print);
      if (earlier === null) throw error;
      return earlier;
    }
  }
  const amount = 'usages' in what ? sumOf(priced) : what.amount;
  const reply = await deps.ledger.charge({
    accountId, amount, key: chargeKey('charge', key),
    fingerprint: print,
    price: '',
    spending: { ...command.spending, model: modelOf(what), feature: feature ?? undefined },
    about: writeFacts({
      type: 'charge', source: 'charge', actor, ...(reason === null ? {} : { reason }), ...(feature === null ? {} : { feature }),
      ...(metadata === undefined ? {} : { metadata }), 
      ...spendingFact(command.spending),
      ...(priced.length === 0 ? usageOf(feature) : {
        usage: { ...serviceOf(feature, priced), metadata: modelsOf(priced) }, priced: priced.map(toFact),
      }),
    }),
    ...(priced.length === 0 ? {} : { purpose: 'usage' }),
  });
  if (reply.status === 'limit_reached') throw nativeLimitReached(amount, reply);
  if (reply.status !== 'charged') throw chargeRefusal(reply, amount);
  const { seq, atMs, available, replayed } = reply;
  if (!replayed || priced.length === 0) return { seq, atMs, amount, available, priced, replayed };
  return { seq, atMs, available, replayed, ...await firstPrices(deps, accountId, seq) };
}

/** Of the request and not of its cost: prices may change between two tries. */
const fingerprintOf = ({ what, feature, reason, metadata, spending }: ChargeAccount): string => fingerprint(
  'charge', 'usages' in what ? JSON.stringify(what.usages) : what.amount, feature, reason, JSON.stringify(metadata ?? null),
  ...(spending?.spender === undefined ? [] : [spending.spender]),
);

/** The charge that Postgres has under a key for the same request, or null. */
async function earlierCharge(deps: ChargeAccountDeps, accountId: string, key: CallerKey | null, print: string): Promise<Charged | null> {
  const named = chargeKey('charge', key);
  if (named === null) return null;
  const [found] = await readNamedEntries(deps.db, [{ accountId, key: chargeKeyText(named) }], deps.clock() - KEYS_KEPT_DAYS * DAY_MS)
    .catch((error: unknown) => { throw toGatewayError(error); });
  if (found?.kind !== 'charge' || found.fingerprint !== print) return null;
  const { seq, atMs, availableAfter: available } = found;
  return { seq, atMs, available, replayed: true, ...await firstPrices(deps, accountId, seq) };
}

/** Prices usages in their order. Throws as `priceUsage`. */
export const priceAll = (book: NativeBook, usages: readonly ModelUsage[], paths: readonly string[]): PricedUsage[] =>
  usages.map((each, index) => priceUsage(book, each, paths[index] ?? 'body'));

async function firstPrices(
  { book, db, bringUpToDate }: ChargeAccountDeps, accountId: string, seq: number,
): Promise<Pick<Charged, 'amount' | 'priced'>> {
  const read = () => readEntry(db, accountId, seq).catch((error: unknown) => { throw toGatewayError(error); });
  let entry = await read();
  if (entry === null) {
    await bringUpToDate(accountId);
    entry = await read();
  }
  if (entry === null) throw new GatewayError('ledger_unavailable', 'the first charge under this key is not in Postgres yet; retry shortly');
  return { amount: entry.captured, priced: pricedAgain(book(), readFacts(entry.about).priced) };
}

const usageOf = (feature: string | null): { usage?: { service: string; operation: string; metadata: object } } =>
  (feature === null ? {} : { usage: { service: feature, operation: 'charge', metadata: {} } });

const serviceOf = (feature: string | null, priced: readonly PricedUsage[]): { service: string; operation: string } => {
  const [first] = priced;
  const operation = priced.length === 1 && first !== undefined ? first.price.model : `${priced.length} models`;
  return { service: feature ?? 'model-usage', operation };
};

/** As the sums of models read it (journal/model-uses.ts); credits are a number there. */
const modelsOf = (priced: readonly PricedUsage[]): object => ({
  models: priced.map(({ asked: { usage }, price, amount }) => ({
    model: price.model, inputTokens: usage.inputTokens ?? 0, outputTokens: usage.outputTokens ?? 0, credits: amount / 1_000_000,
  })),
});

const toFact = ({ asked: { model, usage, serviceTier = 'standard' }, priceName, amount }: PricedUsage): PricedFact => ({
  model, usage: usage as PricedFact['usage'], serviceTier, price: priceName, amount,
});
