/** What was opened so far, in this order. */
export type Opened = {
  /** Returns `part`, and closes it when `close` of this is called. */
  readonly add: <Part>(part: Part, close: (part: Part) => unknown) => Part;
  /** Closes the parts in reverse order, one after the other; a second call does nothing. Throws what the first failed one threw. */
  readonly close: () => Promise<void>;
};

/** For what opens several parts: whether all of them are open or a later one failed, they close in reverse. */
export function openedParts(): Opened {
  const closes: (() => unknown)[] = [];
  return {
    add: (part, close) => {
      closes.push(() => close(part));
      return part;
    },
    close: async () => {
      const errors: unknown[] = [];
      for (const close of closes.splice(0).reverse()) {
        try {
          await close();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

/**
 * Opens several parts. When one of them cannot be opened, those that were are closed, and the reason is thrown: open connections would keep
 * the process from exiting.
 */
export async function openOrClose<Whole>(open: (opened: Opened) => Promise<Whole>): Promise<Whole> {
  const opened = openedParts();
  try {
    return await open(opened);
  } catch (error) {
    await opened.close().catch(() => undefined); // why it failed is more telling than why a part did not close
    throw error;
  }
}
