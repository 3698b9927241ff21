import { openConnection } from './raw-client.js';

/**
 * The load generator: a separate process, so that it does not use the event loop under test. It only knows HTTP. Each
 * message from its parent is one burst; the answer is its result.
 */

/** Requests to one path, sent as fast as possible over `connections` connections that each wait for the answer. */
export type Burst = {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** Per request: the caller (an index into `tokens`), and the JSON body. */
  readonly requests: readonly { readonly token: number; readonly body: string }[];
  readonly tokens: readonly string[];
};

export type BurstResult = {
  readonly durationMs: number;
  /** Status of each request, in the order of the burst; 0: the connection was lost. */
  readonly statuses: readonly number[];
  readonly latenciesMs: readonly number[];
  readonly bodies: readonly string[];
};

const encode = ({ path, tokens }: Burst, { token, body }: Burst['requests'][number]): Buffer => Buffer.from(
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens[token] ?? ''}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
);

async function run(burst: Burst): Promise<BurstResult> {
  const requests = burst.requests.map((request) => encode(burst, request));
  const statuses = new Array<number>(requests.length).fill(0);
  const latenciesMs = new Array<number>(requests.length).fill(0);
  const bodies = new Array<string>(requests.length).fill('');
  const connections = await Promise.all(Array.from({ length: burst.connections }, () => openConnection(burst.port)));
  let next = 0;

  const startedAt = performance.now();
  await Promise.all(connections.map(async (connection) => {
    for (;;) {
      const index = next;
      next += 1;
      const request = requests[index];
      if (request === undefined) return;
      const sentAt = performance.now();
      const { status, body } = await connection.exchange(request);
      latenciesMs[index] = performance.now() - sentAt;
      statuses[index] = status;
      bodies[index] = body;
    }
  }));
  const durationMs = performance.now() - startedAt;
  for (const connection of connections) connection.close();
  return { durationMs, statuses, latenciesMs, bodies };
}

process.on('message', (burst: Burst) => {
  run(burst).then(
    (result) => { process.send?.(result); },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => { process.exit(0); });
