import { settleProcess, type SettleProcess, type SettleProcessDeps } from '../../credits/processes/settle-process.js';
import { GatewayError, type ErrorCode } from '../../kit/errors.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { redisOutage } from '../../stores/redis/redis-away.js';
import { utf8Text } from '../../kit/utf8.js';

/** What became of a message. Only `settled` ones may be acknowledged; the others must be kept somewhere first. */
export type Handled =
  | { readonly kind: 'settled'; readonly replayed: boolean }
  /** A later attempt may succeed: the ledger is down, or the error is unknown. */
  | { readonly kind: 'retry'; readonly code: ErrorCode | 'internal'; readonly reason: string }
  /**
   * It will not by itself: malformed, an unknown feature or model, a key that was settled with other usage, or an account
   * that an operator froze. It waits for an operator.
   */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly reason: string };

/** Told of errors that are no GatewayError: bugs, which must not go unseen. */
type OnBug = (error: unknown) => void;

export type HandleDeps = SettleProcessDeps & {
  /** What a message asks for. Throws GatewayError invalid_request. */
  readonly readSettlement: (payload: unknown) => Omit<SettleProcess, 'unnamed'>;
  readonly onBug: OnBug;
};

export type TelemetryDeps = {
  /** Stores the telemetry of a message. Throws GatewayError invalid_request. */
  readonly save: (payload: unknown) => Promise<unknown>;
  readonly onBug: OnBug;
};

/** Handles one message. `unnamed` gives a message without a usage_key a name that its redelivery gets again. */
export type HandleMessage = (payload: unknown, unnamed: () => Promise<string>) => Promise<Handled>;

const MAY_PASS: ReadonlySet<ErrorCode> = new Set(['ledger_unavailable', 'limit_exceeded', 'not_configured']);

/** The body of a message, or undefined when it is not JSON in UTF-8. */
export function readPayload(content: Uint8Array): unknown {
  const text = utf8Text(content);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Either body, on either queue, is settled as over HTTP: same checks, same key, same single charge. Never throws. */
export const settlementHandler = (deps: HandleDeps): HandleMessage => handling(deps.onBug, async (payload, unnamed) => {
  const settlement = deps.readSettlement(payload);
  const name = settlement.usageKey === null ? await unnamed() : '';
  return (await settleProcess(deps, { ...settlement, unnamed: name })).replayed;
});

/** Telemetry is stored as over HTTP. Nothing is charged, so a message that is delivered twice may be stored twice. */
export const telemetryHandler = ({ save, onBug }: TelemetryDeps): HandleMessage => handling(onBug, async (payload) => {
  await save(payload);
  return false;
});

/** Runs `work`, which answers whether it was a repeat, and says what became of the message. */
function handling(onBug: OnBug, work: (payload: unknown, unnamed: () => Promise<string>) => Promise<boolean>): HandleMessage {
  return async (payload, unnamed) => {
    try {
      if (payload === undefined) return { kind: 'refused', code: 'invalid_request', reason: 'the message is not JSON in UTF-8' };
      return { kind: 'settled', replayed: await work(payload, unnamed) };
    } catch (thrown) {
      const error = redisOutage(toGatewayError(thrown));
      if (!(error instanceof GatewayError)) {
        onBug(error);
        return { kind: 'retry', code: 'internal', reason: 'internal error; see the log' };
      }
      const { code, message, sources } = error;
      const reason = [message, ...sources.map(({ path, message: problem }) => `${path} ${problem}`)].join('; ');
      return MAY_PASS.has(code) ? { kind: 'retry', code, reason } : { kind: 'refused', code, reason };
    }
  };
}
