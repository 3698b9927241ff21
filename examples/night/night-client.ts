/** What the gateway answered; status 0: nothing. */
export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

export type NightClient = {
  readonly get: (token: string, path: string) => Promise<Answer>;
  readonly post: (token: string, path: string, body: object) => Promise<Answer>;
  /** One number of a process' metrics; null when it has none, or does not answer. */
  readonly metric: (port: number, name: string) => Promise<number | null>;
};

/** Longer than any answer takes; a stopped process gives none. */
const PATIENCE_MS = 5_000;

export function nightClient(url: string): NightClient {
  const call = async (token: string, path: string, init: RequestInit): Promise<Answer> => {
    try {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await fetch(url + path, { ...init, headers, signal: AbortSignal.timeout(PATIENCE_MS) });
      return { status: response.status, body: await response.json() as Answer['body'] };
    } catch {
      return { status: 0, body: {} };
    }
  };
  return {
    get: (token, path) => call(token, path, {}),
    post: (token, path, body) => call(token, path, { method: 'POST', body: JSON.stringify(body) }),
    metric: async (port, name) => {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) });
        const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(await response.text())?.[1];
        return value === undefined ? null : Number(value);
      } catch {
        return null;
      }
    },
  };
}
