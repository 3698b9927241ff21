/** Where traces go, and how many of them. */
export type TracingConfig = {
  /** The collector's address for traces, path included. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** The share of requests without a traceparent that is traced, from 0 to 1. */
  readonly ratio: number;
};

/** `OTEL_EXPORTER_OTLP_ENDPOINT` is the address below which every signal has its own (OTLP exporter specification). */
export const tracesUrl = (endpoint: string): string => `${endpoint.replace(/\/+$/, '')}/v1/traces`;

/** Reads `name=value,name=value`, values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them. Undefined when it is not that. */
export function parseOtlpHeaders(text: string): Readonly<Record<string, string>> | undefined {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+)\s*=\s*(.*)$/.exec(pair) ?? [];
    const decoded = value === undefined ? undefined : decode(value);
    if (name === undefined || decoded === undefined || !/^[\x20-\x7e]*$/.test(decoded)) return undefined;
    headers[name] = decoded;
  }
  return headers;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
