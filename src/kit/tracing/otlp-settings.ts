/** Where traces are sent, and how many. */
export type TracingConfig = {
  /** The collector's address for traces, path included. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** The share of requests without a traceparent that is traced, from 0 to 1. */
  readonly ratio: number;
};

/** OTEL_EXPORTER_OTLP_ENDPOINT is a base address: each signal has its own path below it (OTLP exporter specification). */
export const tracesUrl = (endpoint: string): string => `${endpoint.replace(/\/+$/, '')}/v1/traces`;

/** Parses OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, values percent-encoded. Undefined when the format is wrong. */
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
