/** Everything that a text of facts.ts tells, by name, to be shown; null when it is no object. */
export function listFacts(about: string): readonly (readonly [name: string, value: unknown])[] | null {
  try {
    const value: unknown = JSON.parse(about);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return Object.entries(value).filter(([name]) => !['type', 'trace', 'request'].includes(name));
  } catch {
    return null;
  }
}
