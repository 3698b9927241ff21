/** Who was refused, when and why, by the minute. */
export const refusals = 'select 1';
