type Page<Row> = { readonly data: readonly Row[]; readonly nextCursor: string | null };

/** Every row of a list, page by page: `eachOf((page) => credits.holds.list({ account, ...page }))`. */
export async function* eachOf<Row>(list: (page: { cursor?: string }) => Promise<Page<Row>>): AsyncGenerator<Row, void> {
  let cursor: string | null = null;
  do {
    const page: Page<Row> = await list(cursor === null ? {} : { cursor });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
