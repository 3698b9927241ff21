/** What answers a request, and the parameters in its path. */
export type Found<Handle> = { readonly handle: Handle; readonly params: Readonly<Record<string, string>> };

export type ExactRoutes<Handle> = {
  /** Routes that are added first win, as in a router; a path without parameters wins against one with. */
  readonly add: (method: string, path: string, handle: Handle) => void;
  /** Undefined: no route, or a path that is not spelled exactly as one. The router decides. */
  readonly find: (method: string, path: string) => Found<Handle> | undefined;
};

/** `params`: the names of its parameters; undefined where a segment is none. */
type Pattern<Handle> = { readonly segments: readonly string[]; readonly params: readonly (string | undefined)[]; readonly handle: Handle };

const NO_PARAMS: Found<never>['params'] = {};
/** Whole segments of these are parameters; everything else that means something in a path template is left to the router. */
const IS_PARAM = /^:\w+$/;
const HAS_SYNTAX = /[*{}()\\[\]+?!]/;

/**
 * Finds the routes of paths that are spelled exactly: by a map, or where they have parameters by comparing segments with the few
 * templates of the same method and length. A router compares a regular expression per route, which with a hundred routes
 * takes several times as long. It ignores case; where that would decide, it does.
 */
export function exactRoutes<Handle>(): ExactRoutes<Handle> {
  const whole = new Map<string, Found<Handle>>();
  const wholeInAnyCase = new Set<string>();
  const patterns = new Map<string, Pattern<Handle>[]>();

  return {
    add: (method, path, handle) => {
      const segments = path.split('/');
      if (HAS_SYNTAX.test(path) || segments.some((each) => each.includes(':') && !IS_PARAM.test(each))) return;
      const name = `${method} ${path}`;
      if (path.includes(':')) {
        const key = `${method} ${segments.length}`;
        const params = segments.map((each) => (each.startsWith(':') ? each.slice(1) : undefined));
        patterns.set(key, [...patterns.get(key) ?? [], { segments, params, handle }]);
      } else if (!whole.has(name)) {
        whole.set(name, { handle, params: NO_PARAMS });
        wholeInAnyCase.add(name.toLowerCase());
      }
    },
    find: (method, path) => {
      const name = `${method} ${path}`;
      const exact = whole.get(name);
      if (exact !== undefined || path.includes('%')) return exact; // the router decodes
      const sent = path.split('/');
      const candidates = patterns.get(`${method} ${sent.length}`);
      if (candidates === undefined || wholeInAnyCase.has(name.toLowerCase())) return undefined;
      for (const pattern of candidates) {
        if (!matches(pattern, sent)) continue;
        const params: Record<string, string> = {};
        for (let index = 0; index < sent.length; index += 1) {
          const [param, value = ''] = [pattern.params[index], sent[index]];
          if (param !== undefined) params[param] = value;
          else if (value !== pattern.segments[index]) return undefined; // in another case
        }
        return { handle: pattern.handle, params };
      }
      return undefined;
    },
  };
}

/** Whether they are the same in any case. */
function matches({ segments, params }: Pattern<unknown>, sent: readonly string[]): boolean {
  for (let index = 0; index < segments.length; index += 1) {
    const [segment = '', value = ''] = [segments[index], sent[index]];
    if (params[index] !== undefined ? value === '' : value !== segment && value.toLowerCase() !== segment.toLowerCase()) return false;
  }
  return true;
}
