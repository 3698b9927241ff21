import { ENTRY_LINES, ENTRY_TEXTS, type EntryField } from '../../src/ledger/entry.js';

/** Fields and values of one entry, as a script passes them to XADD. */
export const encodeEntry = (valueOf: (field: EntryField) => string): string[] => [
  'entry', ENTRY_LINES.map(valueOf).join('\n'), ...ENTRY_TEXTS.flatMap((field) => [field, valueOf(field)]),
];
