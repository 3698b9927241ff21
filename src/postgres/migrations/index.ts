import { ledger } from './0001_ledger.js';

/** One forward step of the schema. A step that has been released never changes; the next one corrects it. */
export type Migration = { readonly name: string; readonly sql: string };

/** In the order in which they run. */
export const migrations: readonly Migration[] = [{ name: '0001_ledger', sql: ledger }];
