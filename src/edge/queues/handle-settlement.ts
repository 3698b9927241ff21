import { settleProcess, type SettleProcess, type SettleProcessDeps } from '../../credits/processes/settle-process.js';
import { GatewayError, type ErrorCode } from '../../kit/errors.js';
import { utf8Text } from '../../kit/utf8.js';

/** What became of a message. Only `settled` ones may be acknowledged; the others must be kept somewhere first. */
export type Handled =
  | { readonly kind: 'settled'; readonly replayed: boolean }
  /** A later attempt may succeed: the ledger is down, an account is frozen, or the error is unknown. */
  | { readonly kind: 'retry'; readonly code: ErrorCode | 'internal'; readonly reason: string }
  /** It never will: malformed, unknown, or a key that was settled with other usage. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly reason: string };

export type HandleDeps = SettleProcessDeps & {
  /** What a message asks for. Throws GatewayError invalid_request. */
  readonly readSettlement: (payload: unknown) => Omit<SettleProcess, 'unnamed'>;
  /** Told of errors that are no GatewayError: bugs, which must not go unseen. */
  readonly onBug: (error: unknown) => void;
};

/** Settles one message. `unnamed` gives a message without a usage_key a name that its redelivery gets again. */
export type HandleSettlement = (payload: unknown, unnamed: () => Promise<string>) => Promise<Handled>;

const MAY_PASS: ReadonlySet<ErrorCode> = new Set(['ledger_unavailable', 'account_frozen', 'limit_exceeded', 'not_configured']);

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
export function settlementHandler(deps: HandleDeps): HandleSettlement {
  return async (payload, unnamed) => {
    try {
      if (payload === undefined) return { kind: 'refused', code: 'invalid_request', reason: 'the message is not JSON in UTF-8' };
      const settlement = deps.readSettlement(payload);
      const name = settlement.usageKey === null ? await unnamed() : '';
      const { replayed } = await settleProcess(deps, { ...settlement, unnamed: name });
      return { kind: 'settled', replayed };
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        deps.onBug(error);
        return { kind: 'retry', code: 'internal', reason: 'internal error; see the log' };
      }
      const { code, message, sources } = error;
      const reason = [message, ...sources.map(({ path, message: problem }) => `${path} ${problem}`)].join('; ');
      return MAY_PASS.has(code) ? { kind: 'retry', code, reason } : { kind: 'refused', code, reason };
    }
  };
}
