import DataLoader from 'dataloader';

/** Statements of one kind at a time: while they are under way, the lookups that follow gather for the next. */
const AT_ONCE = 2;
/**
 * How long a statement holds back others: far longer than one takes, and a small part of the time that a lookup waits. After that it
 * may hang, and what is wrong with its connection or its names need not be wrong with theirs.
 */
const HOLDS_BACK_MS = 100;

/**
 * Gathers the lookups that are asked for in one turn of the event loop, or while earlier ones are under way, so that they cost
 * one statement and not one per request: the busier the process, the more of them. Nothing is cached: a row may arrive at any moment.
 * `readMany` answers in the order of the names; what it throws fails each of its lookups. `max`: names per statement, without it all.
 * `holdsBackMs`: as above.
 */
export function lookupsPerTurn<Name, Found>(
  readMany: (names: readonly Name[]) => Promise<readonly Found[]>, max = Infinity, holdsBackMs = HOLDS_BACK_MS,
): (name: Name) => Promise<Found> {
  let underWay = 0;
  const waiting: (() => void)[] = [];
  const send = (run: () => void): void => {
    underWay += 1;
    run();
  };
  const sendNext = (): void => {
    underWay -= 1;
    const run = waiting.shift();
    if (run !== undefined) send(run);
  };
  const read = async (names: readonly Name[]): Promise<readonly Found[]> => {
    let holdsBack = true;
    const letOthers = (): void => {
      if (!holdsBack) return;
      holdsBack = false;
      sendNext();
    };
    const timer = setTimeout(letOthers, holdsBackMs);
    try {
      return await readMany(names);
    } finally {
      clearTimeout(timer);
      letOthers();
    }
  };
  const loader = new DataLoader<Name, Found>(read, {
    cache: false, maxBatchSize: max,
    batchScheduleFn: (run) => {
      setImmediate(() => {
        if (underWay < AT_ONCE) send(run);
        else waiting.push(run);
      });
    },
  });
  return (name) => loader.load(name);
}
