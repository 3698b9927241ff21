import type { UnknownModelPolicy } from '../../config/unknown-model.js';
import type { Clock } from '../../kit/clock.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { follow, type FollowDeps } from '../../stores/postgres/follow.js';
import { messageBook, type MessageBook } from './message-book.js';
import { modelBook, type ModelBook } from './model-book.js';
import { nativeBook, type NativeBook } from './native-book.js';
import { priceFinder } from './price-finder.js';
import { priceHistory, type PriceHistory } from './price-history.js';
import type { PriceRule } from './price-tokens.js';
import { NATIVE_BOOK, type PriceDraft, type PriceVersion } from './price.js';
import { insertPrices, lockLastVersion, readLastVersion, readPricesAfter } from './price.table.js';
import { tokenBook, type TokenBook } from './token-book.js';

export type PriceBooksDeps = Omit<FollowDeps, 'readNew'> & {
  readonly db: Db;
  readonly clock: Clock;
  readonly unknownModel: UnknownModelPolicy;
  /** Told of each price that is given out by model. Optional. */
  readonly priced?: (book: string, rule: PriceRule) => void;
};

/** All prices, in memory. Only `write` and `refresh` wait for Postgres. */
export interface PriceBooks {
  readonly tokens: TokenBook;
  readonly messages: MessageBook;
  readonly models: ModelBook;
  native(name?: string): NativeBook;
  readonly history: PriceHistory;
  /** Reads the versions written since the last poll. */
  refresh(): Promise<void>;
  /**
   * Adds the versions that `decide` returns, in one transaction. `decide` sees the current books; other writers wait.
   * @throws GatewayError ledger_unavailable; and whatever `decide` throws, with nothing written.
   */
  write(decide: (history: PriceHistory) => readonly PriceDraft[]): Promise<PriceVersion[]>;
  close(): Promise<void>;
}

/** Reads every book and keeps them up to date until `close`. Throws when Postgres cannot be read at the start. */
export async function priceBooks(
  { db, clock, unknownModel, listen, priced = () => undefined, onError }: PriceBooksDeps,
): Promise<PriceBooks> {
  const history = priceHistory();
  const { refresh, look, close } = await follow({
    readNew: async () => {
      if (await readLastVersion(db) > history.lastVersion()) history.add(await readPricesAfter(db, history.lastVersion()));
    },
    listen, onError,
  });
  const finder = priceFinder({ history, clock, unknownModel, behind: look, priced });

  return {
    tokens: tokenBook(finder),
    messages: messageBook(finder),
    models: modelBook(finder),
    native: (name = NATIVE_BOOK) => nativeBook(finder, name),
    history,
    refresh,
    write: async (decide) => {
      const written = await db.transaction(async (trx) => {
        const last = await lockLastVersion(trx);
        // All versions are committed: no other writer holds the lock.
        history.add(await readPricesAfter(trx, history.lastVersion()));
        return insertPrices(trx, last, decide(history));
      }).catch((error: unknown) => { throw toGatewayError(error); });
      history.add(written);
      return written;
    },
    close,
  };
}
