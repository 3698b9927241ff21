import { openSession, type SessionDeps, type SettlementSession } from './settlement-session.js';
import type { TopologyProblem } from './topology.js';

export type BridgeDeps = Omit<SessionDeps, 'onProblem'> & {
  /** Once per problem and process: a queue that is declared otherwise stays so for years. */
  readonly onProblem: (problem: TopologyProblem) => void;
  readonly onConnected: () => void;
  /** The broker is down, or closed the connection. */
  readonly onDisconnected: (reason: string, retryMs: number) => void;
};

export type AmqpBridge = {
  readonly isConnected: () => boolean;
  /** Messages being worked on. */
  readonly inFlight: () => number;
  /** Messages in the dead-letter queues. Throws while there is no connection. */
  readonly countDeadLetters: () => Promise<number>;
  readonly close: () => Promise<void>;
};

const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 30_000;
/** A connection that lived this long was a good one: the next outage begins with short waits again. */
const GOOD_AFTER_MS = 10_000;
/** Many gateways whose broker comes back must not all knock at once. */
const JITTER = 0.3;

/** Keeps a connection to RabbitMQ for as long as the process lives: an outage is waited out, a refusal does not end anything. */
export function amqpBridge(deps: BridgeDeps): AmqpBridge {
  const told = new Set<string>();
  const closing = new AbortController();
  let session: SettlementSession | undefined;

  const onProblem = (problem: TopologyProblem): void => {
    if (told.has(problem.message)) return;
    told.add(problem.message);
    deps.onProblem(problem);
  };
  const isClosing = (): boolean => closing.signal.aborted;

  const run = async (): Promise<void> => {
    let retryMs = RETRY_MS_MIN;
    while (!isClosing()) {
      const openedAt = performance.now();
      const reason = await live().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      if (isClosing()) return;
      if (performance.now() - openedAt > GOOD_AFTER_MS) retryMs = RETRY_MS_MIN;
      const waitMs = Math.round(retryMs * (1 + Math.random() * JITTER));
      deps.onDisconnected(reason, waitMs);
      await sleep(waitMs, closing.signal);
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  };
  /** One connection's life. Answers why it ended. */
  const live = async (): Promise<string> => {
    const opened = await openSession({ ...deps, onProblem });
    if (isClosing()) {
      await opened.close();
      return 'closing';
    }
    session = opened;
    deps.onConnected();
    const reason = await opened.ended;
    session = undefined;
    if (!isClosing()) await opened.close();
    return reason;
  };
  const running = run();

  return {
    isConnected: () => session !== undefined,
    inFlight: () => session?.inFlight() ?? 0,
    countDeadLetters: async () => {
      if (session === undefined) throw new Error('RabbitMQ is not connected');
      return session.countDeadLetters();
    },
    close: async () => {
      closing.abort();
      await session?.close();
      await running;
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener('abort', done);
  });
}
