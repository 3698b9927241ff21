import { setTimeout as sleep } from 'node:timers/promises';

export type Call = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly token: string;
  readonly body?: object;
  /** Idempotency-Key. */
  readonly key?: string;
  /** False: the request has no key, so it must not be repeated when its outcome is unknown. */
  readonly isRepeatable: boolean;
};

export type Answer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfter: string | null;
  readonly ms: number;
};

/** The result of one try. `lost`: sent, but without an answer or with outcome `unknown`, so it may have been executed. */
type Try = { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'refused' | 'lost' };

export type Traffic = {
  requests: number;
  underWay: number;
  answers: number;
  /** Tries that were certainly not executed. */
  refused: number;
  /** Tries with an unknown outcome. */
  unknown: number;
  retries: number;
};

export type PatientClient = {
  readonly traffic: Traffic;
  /** One try; throws when there is no HTTP answer. */
  once(call: Call): Promise<Answer>;
  /**
   * Tries until the outcome is certain, with the same ids and keys, as a proxy must. Null: the request could not be
   * repeated and its outcome is unknown. Throws when the gateway stays down for longer than any test keeps it down.
   */
  send(call: Call): Promise<Answer | null>;
};

/** Longer than any restart takes on a slow machine. */
const PATIENCE_MS = 90_000;
const TRY_TIMEOUT_MS = 15_000;
/** A real proxy obeys Retry-After; tests retry sooner, and the books must balance under these retries as well. */
const RETRY_MS_MIN = 40;
const RETRY_MS_MAX = 400;

/** Node's codes for a connection that was never made: the request was not sent. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']);

export function patientClient(urlOf: () => string): PatientClient {
  const traffic: Traffic = { requests: 0, underWay: 0, answers: 0, refused: 0, unknown: 0, retries: 0 };

  const once = async (call: Call): Promise<Answer> => {
    traffic.requests += 1;
    traffic.underWay += 1;
    try {
      return await request(call);
    } finally {
      traffic.underWay -= 1;
    }
  };

  const request = async ({ method, path, token, body, key }: Call): Promise<Answer> => {
    const startedAt = performance.now();
    const response = await fetch(urlOf() + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
    });
    const answer = {
      status: response.status, body: await response.json() as Record<string, unknown>,
      retryAfter: response.headers.get('retry-after'),
    };
    return { ...answer, ms: performance.now() - startedAt };
  };

  const attempt = async (call: Call): Promise<Try> => {
    try {
      const answer = await once(call);
      if (answer.status === 503) return { kind: answer.body['outcome'] === 'not_executed' ? 'refused' : 'lost' };
      // Recorded but not applied yet: a repeat with the same key shows when it is.
      if (answer.status === 202) return { kind: 'refused' };
      return { kind: 'answered', answer };
    } catch (error) {
      return { kind: NEVER_SENT.has(codeOf(error)) ? 'refused' : 'lost' };
    }
  };

  return {
    traffic,
    once,
    async send(call) {
      const deadline = Date.now() + PATIENCE_MS;
      for (let tries = 1; ; tries += 1) {
        const result = await attempt(call);
        if (result.kind === 'answered') {
          traffic.answers += 1;
          return result.answer;
        }
        if (result.kind === 'lost') traffic.unknown += 1;
        else traffic.refused += 1;
        if (result.kind === 'lost' && !call.isRepeatable) return null;
        if (Date.now() > deadline) {
          throw new Error(`${call.method} ${call.path}: no definite answer in ${PATIENCE_MS} ms and ${tries} tries`);
        }
        traffic.retries += 1;
        await sleep(Math.min(RETRY_MS_MIN * tries, RETRY_MS_MAX));
      }
    },
  };
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
