/**
 * Fields that a validator never looked at. The validators of kubernetes-models are compiled from the API's schemas and
 * read every field that a schema names, but let others pass, as an API server would not: it drops or refuses them.
 */
export function unknownFields<T extends object>(value: T, validate: (watched: T) => void): string[] {
  const unread = new Set<string>();
  const watch = <V>(inner: V, path: string): V => {
    if (typeof inner !== 'object' || inner === null) return inner;
    const copy = (Array.isArray(inner) ? [] : Object.create(Object.getPrototypeOf(inner) as object)) as object;
    for (const [key, child] of Object.entries(inner)) {
      (copy as Record<string, unknown>)[key] = watch(child as unknown, `${path}.${key}`);
      if (!Array.isArray(inner)) unread.add(`${path}.${key}`);
    }
    return new Proxy(copy, {
      get: (target, key, receiver) => {
        unread.delete(`${path}.${String(key)}`);
        return Reflect.get(target, key, receiver) as unknown;
      },
    }) as V;
  };
  validate(watch(value, ''));
  return [...unread];
}
