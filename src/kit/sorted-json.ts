/** JSON of a parsed JSON value with the members of every object in one order, so that the same content is the same text. */
export const sortedJson = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (
  typeof each === 'object' && each !== null && !Array.isArray(each)
    ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : Number(a > b)))) : each
));
