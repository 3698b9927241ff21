/** What is asked of a live Prometheus, by its HTTP API. */

/** The first number of an answer; `no series`, `no number` (all of them NaN or infinite), or what was wrong. */
export type Answer = { readonly number: number; readonly series: number } | { readonly problem: string };

export type RuleState = {
  readonly name: string;
  readonly severity: string;
  readonly health: string;
  readonly lastError: string;
  readonly state: 'inactive' | 'pending' | 'firing' | undefined;
};

export type PrometheusApi = {
  readonly query: (expr: string) => Promise<Answer>;
  /** Values of a label over the series that a selector finds. */
  readonly labelValues: (selector: string, label: string) => Promise<readonly string[]>;
  readonly rules: () => Promise<readonly RuleState[]>;
  /** Whether every target answers. */
  readonly isScraping: () => Promise<boolean>;
};

type Reply<T> = { readonly status: 'success'; readonly data: T } | { readonly status: 'error'; readonly error: string };
type Sample = readonly [number, string];
type Result = { readonly resultType: string; readonly result: Sample | readonly { readonly value: Sample }[] };
type Groups = { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
type Rule = {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError?: string;
  readonly state?: RuleState['state'];
};

export function prometheusApi(url: string): PrometheusApi {
  const get = async <T>(path: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply<T>> =>
    await (await fetch(`${url}/api/v1/${path}?${new URLSearchParams(fields).toString()}`)).json() as Reply<T>;
  const dataOf = <T>(reply: Reply<T>): T => {
    if (reply.status === 'error') throw new Error(`Prometheus: ${reply.error}`);
    return reply.data;
  };
  return {
    query: async (expr) => {
      const reply = await get<Result>('query', { query: expr });
      if (reply.status === 'error') return { problem: reply.error };
      const { resultType, result } = reply.data;
      const samples = resultType === 'scalar' ? [result as Sample] : (result as readonly { value: Sample }[]).map(({ value }) => value);
      if (samples.length === 0) return { problem: 'no series' };
      const number = samples.map(([, text]) => Number(text)).find((each) => Number.isFinite(each));
      return number === undefined ? { problem: 'no number' } : { number, series: samples.length };
    },
    labelValues: async (selector, label) => dataOf(await get<readonly string[]>(`label/${label}/values`, { 'match[]': selector })),
    rules: async () => dataOf(await get<Groups>('rules')).groups.flatMap(({
      rules,
    }) => rules.map(({ name, labels = {}, health, lastError = '', state }) =>
      ({ name, severity: labels['severity'] ?? '', health, lastError, state }))),
    isScraping: async () => {
      const { activeTargets } = dataOf(await get<{ readonly activeTargets: readonly { readonly health: string }[] }>('targets'));
      return activeTargets.length > 0 && activeTargets.every(({ health }) => health === 'up');
    },
  };
}
