/** Frozen accounts, and what the reconciler found. */
export const oversight = 'select 1';
