import type { ClientRecord, Op } from './record.js';
import type { EntryRow, HoldRow, IntentRow, ToldBooks, TransferRow } from './told-books.js';

export type Index = {
  readonly intentOfKey: ReadonlyMap<string, IntentRow>;
  readonly transferOfKey: ReadonlyMap<string, TransferRow>;
  /** By the last part of their key, which is the client's. */
  readonly entriesOfKey: ReadonlyMap<string, readonly EntryRow[]>;
  readonly holds: ReadonlyMap<string, readonly HoldRow[]>;
};

export const lastPart = (key: string): string => key.slice(key.lastIndexOf(':') + 1);

/** What Postgres has, by what clients call it. */
export function indexed({ entries, holds, intents, transfers }: ToldBooks): Index {
  const group = <T>(rows: readonly T[], nameOf_: (row: T) => string): Map<string, T[]> => {
    const groups = new Map<string, T[]>();
    for (const row of rows) groups.set(nameOf_(row), [...groups.get(nameOf_(row)) ?? [], row]);
    return groups;
  };
  return {
    intentOfKey: new Map(intents.flatMap((row) => (row.key === null ? [] : [[`${row.kind} ${row.key}`, row]]))),
    transferOfKey: new Map(transfers.map((row) => [row.key, row])),
    entriesOfKey: group(entries.filter(({ key }) => key !== ''), ({ key }) => (key.startsWith('intent:') ? key : lastPart(key))),
    holds: group(holds, ({ account, hold }) => `${account} ${hold}`),
  };
}

export const done = ({ ops }: ClientRecord, kind: Op['kind']): Op[] => ops.filter((op) => op.kind === kind && op.state === 'done');
export const nameOf = ({ key, kind, account, hold, state, status, code, tries, answer }: Op): string =>
  `${kind} ${key} of ${account}${hold === '' ? '' : ` hold ${hold}`}: ${state} ${status} ${code} after ${tries} tries `
    + JSON.stringify(answer);
