import { DEFAULT_UNKNOWN_MODEL, parseUnknownModel } from '../../../src/config/unknown-model.js';
import { priceBooks, type PriceBooks, type PriceBooksDeps } from '../../../src/credits/prices/price-books.js';
import { PRICES_CHANNEL } from '../../../src/credits/prices/price.table.js';
import { setPrice, type SetPrice, type SetPriceDeps } from '../../../src/credits/prices/set-price.js';
import { connectPostgres, apiProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { listenToPostgres } from '../../../src/stores/postgres/listen.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { freshDatabase } from '../../support/servers.js';

export type OpenOptions = {
  readonly unknownModel?: string; readonly isListening?: boolean; readonly databaseUrl?: string; readonly priced?: PriceBooksDeps['priced'];
};
export type OpenedBooks = { readonly books: PriceBooks; readonly db: Db; readonly errors: unknown[] };

/** Price books over a migrated database of their own, and as many instances of them as a test wants. */
export type PriceLab = SetPriceDeps & {
  readonly db: Db;
  readonly databaseUrl: string;
  /** Moves the clock of every instance. */
  advance(ms: number): void;
  open(options?: OpenOptions): Promise<OpenedBooks>;
  set(command: Partial<SetPrice> & Pick<SetPrice, 'book' | 'model' | 'prices'>): ReturnType<typeof setPrice>;
  close(): Promise<void>;
};

export async function priceLab(): Promise<PriceLab> {
  const database = await freshDatabase(migrate);
  const opened: OpenedBooks[] = [];
  let offsetMs = 0;
  const clock = (): number => Date.now() + offsetMs;

  const open = async ({
    unknownModel, isListening = false, databaseUrl = database.databaseUrl, priced,
  }: OpenOptions = {}): Promise<OpenedBooks> => {
    const errors: unknown[] = [];
    const db = connectPostgres(databaseUrl, apiProfile(5_000));
    const books = await priceBooks({
      db, clock,
      unknownModel: unknownModel === undefined ? DEFAULT_UNKNOWN_MODEL : parseUnknownModel(unknownModel) ?? DEFAULT_UNKNOWN_MODEL,
      ...(priced !== undefined && { priced }),
      ...(isListening && { listen: (onNotice) => listenToPostgres({ databaseUrl, channel: PRICES_CHANNEL, onNotice }) }),
      onError: (error) => { errors.push(error); },
    });
    const one: OpenedBooks = { books, db, errors };
    opened.push(one);
    return one;
  };

  const { books, db } = await open();
  return {
    books, db, clock, open,
    databaseUrl: database.databaseUrl,
    advance: (ms) => { offsetMs += ms; },
    set: (command) => setPrice({ books, clock }, { actor: 'tester', ...command }),
    close: async () => {
      for (const each of opened) {
        await each.books.close();
        await each.db.destroy();
      }
      await database.drop();
    },
  };
}

/** Resolves when the condition holds; answers how many milliseconds that took. Fails the test after five seconds. */
export async function until(holds: () => boolean): Promise<number> {
  const started = performance.now();
  while (!holds()) {
    if (performance.now() - started > 5_000) throw new Error('it never came to hold');
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  return performance.now() - started;
}
