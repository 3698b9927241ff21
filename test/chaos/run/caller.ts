import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../support/random.js';
import type { ClientRecord, NewOp, Op } from './record.js';

export type Traffic = {
  tries: number; answers: number; acknowledged: number; refused: number; unknown: number; notExecuted: number; pending: number;
  /** The longest time to a definite outcome, in ms. */
  slowestMs: number;
};

/** A request for one op. */
export type Call = { readonly method: 'POST'; readonly path: string; readonly body: object };

export type CallerDeps = {
  readonly urls: readonly string[];
  readonly apiKey: string;
  readonly record: ClientRecord;
  readonly traffic: Traffic;
  readonly random: Random;
  /** Waits for the rate that all callers share. */
  readonly turn: () => Promise<void>;
  /** True when clients must give up: then what is not definite stays open. */
  readonly givesUp: () => boolean;
};

/** Codes by which the contract may refuse each kind here. Everything else but 503 is a surprise. `auditRefused` asks when. */
const REFUSALS: Readonly<Record<Op['kind'], readonly string[]>> = {
  grant: ['invalid_request'],
  place: ['insufficient_credits', 'hold_resolved'],
  extend: ['insufficient_credits', 'hold_resolved', 'hold_not_found'],
  progress: ['hold_resolved', 'hold_not_found'],
  settle: ['hold_resolved', 'hold_not_found'],
  void: ['hold_resolved', 'hold_not_found'],
  charge: ['insufficient_credits'],
  once: ['insufficient_credits'],
  refund: ['not_refundable', 'hold_not_found', 'not_found'],
  transfer: ['insufficient_credits'],
};

const TRY_TIMEOUT_MS = 10_000;
const RETRY_MS_MIN = 30;
const RETRY_MS_MAX = 700;

/** Sends an op until its outcome is definite, by either API, under one key. Returns the op. */
export type Send = (op: NewOp, call: Call) => Promise<Op>;

export function caller(deps: CallerDeps): Send {
  const { urls, apiKey, record, traffic, random, turn, givesUp } = deps;

  /** True when the outcome is definite. */
  const attempt = async (op: Op, { method, path, body }: Call): Promise<boolean> => {
    op.tries += 1;
    op.isUnsent = false;
    traffic.tries += 1;
    let response: Response;
    let text: string;
    try {
      response = await fetch(random.pick(urls) + path, {
        method, body: JSON.stringify(body), signal: AbortSignal.timeout(TRY_TIMEOUT_MS),
        headers: {
          'authorization': `Bearer ${apiKey}`, 'content-type': 'application/json',
          ...(op.kind === 'once' ? {} : { 'idempotency-key': op.key }),
        },
      });
      text = await response.text();
    } catch {
      traffic.unknown += 1;
      return false;
    }
    traffic.answers += 1;
    op.status = response.status;
    const answer = parsed(text);
    op.code = typeof answer['code'] === 'string' ? answer['code'] : '';
    if (response.status === 503) {
      op.isUnsent = answer['outcome'] === 'not_executed';
      if (op.isUnsent) traffic.notExecuted += 1;
      else traffic.unknown += 1;
      return false;
    }
    if (response.status === 202) {
      traffic.pending += 1;
      return false;
    }
    if (response.status < 300) {
      op.state = 'done';
      op.answer = amountsOf(answer);
      traffic.acknowledged += 1;
      return true;
    }
    if (!REFUSALS[op.kind].includes(op.code)) record.surprise(op, `${response.status} ${text.slice(0, 300)}`);
    op.state = 'refused';
    traffic.refused += 1;
    return true;
  };

  return async (intent, call) => {
    await turn();
    const op = record.intend(intent);
    while (!await attempt(op, call)) {
      if (op.kind === 'once' && !op.isUnsent) {
        op.state = 'unknown';
        break;
      }
      if (givesUp()) return op;
      await sleep(RETRY_MS_MIN + random.next() * Math.min(RETRY_MS_MAX, RETRY_MS_MIN * op.tries));
    }
    record.conclude(op);
    traffic.slowestMs = Math.max(traffic.slowestMs, op.endedMs - op.firstSentMs);
    return op;
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

const AMOUNTS = [
  'amount', 'captured', 'released', 'expired', 'overage', 'debt', 'uncollected', 'available', 'remaining', 'reported', 'debtPaid', 'left',
];
const MICROS = 1_000_000;
export const toMicros = (text: string): number => Math.round(Number(text) * MICROS);
export const toCredits = (micros: number): string => (micros / MICROS).toFixed(6);

function amountsOf(answer: Readonly<Record<string, unknown>>): Readonly<Record<string, string | number>> {
  const amounts = AMOUNTS.flatMap((name): [string, number][] => {
    const value = answer[name];
    return typeof value === 'string' ? [[name, toMicros(value)]] : [];
  });
  const { id, entry, state } = answer;
  return {
    ...Object.fromEntries(amounts),
    ...(typeof id === 'string' ? { id } : {}), ...(typeof entry === 'number' ? { entry } : {}),
    ...(typeof state === 'string' ? { state } : {}),
  };
}
