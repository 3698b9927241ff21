/** Requests of a benchmark and their answers. The load generators know no more than HTTP. */

/** Requests over `connections` connections that each wait for an answer before they send again. */
export type Burst = {
  readonly port: number;
  readonly connections: number;
  readonly requests: readonly BurstRequest[];
  /**
   * Requests begin at this rate, at random times, however long answers take: a connection waits for its turn of the schedule, not for
   * a time after its last answer. Without enough connections requests begin later than scheduled. By default as fast as possible.
   */
  readonly perSecond?: number;
};

/** With a token or API key of `/v1`, or with a server key of the older routes. */
export type BurstRequest = { readonly path: string; readonly body: string } & (
  { readonly token: string; readonly serverKey?: never } | { readonly serverKey: string; readonly token?: never });

export type BurstResult = {
  /** From the first request to the last answer. */
  readonly durationMs: number;
  /** In no particular order; fewer than the requests when connections were lost. */
  readonly answers: readonly BurstAnswer[];
  readonly latencyMs: Readonly<Record<'p50' | 'p99', number>>;
  /** Processor time of the load generator. */
  readonly cpuMs: number;
};

/** What a burst without requests results in. */
export const NO_REQUESTS: BurstResult = { durationMs: 0, answers: [], latencyMs: { p50: NaN, p99: NaN }, cpuMs: 0 };

/** `atMs`: since the first request. */
export type BurstAnswer = { readonly status: number; readonly body: string; readonly atMs: number };

export type LoadGenerator = {
  /** What it is, for the report. */
  readonly name: string;
  run(burst: Burst): Promise<BurstResult>;
  stop(): Promise<void>;
};

export const encode = ({ path, token, serverKey, body }: BurstRequest): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`
  + `${token === undefined ? `X-Server-Api-Key: ${serverKey}` : `Authorization: Bearer ${token}`}\r\n`
  + `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
