import { closeSync, openSync, writeSync } from 'node:fs';

/** `once`: a charge without an Idempotency-Key, which may be sent only once. */
export type OpKind = 'grant' | 'place' | 'extend' | 'progress' | 'settle' | 'void' | 'charge' | 'once' | 'refund' | 'transfer';

/** One thing that a client wants, and what became of it. Amounts are micros, times ms since 1970. */
export type Op = {
  /** Names it for ever: the Idempotency-Key of all tries; of a place also the id of the hold. */
  readonly key: string;
  readonly kind: OpKind;
  readonly account: string;
  /** What it asks for: of a progress all usage so far. */
  readonly amount: number;
  /** The hold it is about, or ''. */
  readonly hold: string;
  /** The target of a transfer, or what a refund is of: the key of a charge, or a hold. */
  readonly other: string;
  /** When the credits of a grant end; null: never. */
  readonly expiresAtMs: number | null;
  firstSentMs: number;
  endedMs: number;
  tries: number;
  /** Whether the gateway said of the last try that it was not executed. */
  isUnsent: boolean;
  /** `done`: acknowledged. `refused`: definitely without effect. `open`: not definite yet. `unknown`: it never will be. */
  state: 'open' | 'done' | 'refused' | 'unknown';
  status: number;
  code: string;
  /** The acknowledged answer: members of its body that are amounts, in micros, and ids. */
  answer: Readonly<Record<string, string | number>>;
};

export type NewOp = Pick<Op, 'kind' | 'account' | 'amount'> & Partial<Pick<Op, 'hold' | 'other' | 'key' | 'expiresAtMs'>>;

/** The clients' own record of what they wanted and were told, in memory and as lines of a file. */
export type ClientRecord = {
  readonly ops: readonly Op[];
  /** Writes down what is intended, before anything is sent. */
  intend(op: NewOp): Op;
  /** Writes down a definite outcome. */
  conclude(op: Op): void;
  /** Writes down an answer that the contract does not allow. */
  surprise(op: Pick<Op, 'key'>, what: string): void;
  readonly surprises: readonly string[];
  close(): void;
};

export function openRecord(file: string): ClientRecord {
  const fd = openSync(file, 'a');
  const ops: Op[] = [];
  const surprises: string[] = [];
  const line = (what: object): void => { writeSync(fd, `${JSON.stringify(what)}\n`); };
  return {
    ops, surprises,
    intend({ kind, account, amount, hold = '', other = '', expiresAtMs = null, key = `${kind[0] ?? ''}${ops.length}-${kind}` }) {
      const op: Op = {
        key, kind, account, amount, hold, other, expiresAtMs, firstSentMs: Date.now(), endedMs: 0, tries: 0, isUnsent: false,
        state: 'open', status: 0, code: '', answer: {},
      };
      ops.push(op);
      line({ intend: key, kind, account, amount, hold, other, at: op.firstSentMs });
      return op;
    },
    conclude(op) {
      op.endedMs = Date.now();
      line({ ended: op.key, state: op.state, status: op.status, code: op.code, tries: op.tries, answer: op.answer, at: op.endedMs });
    },
    surprise({ key }, what) {
      surprises.push(`${key}: ${what}`);
      line({ surprise: key, what });
    },
    close: () => { closeSync(fd); },
  };
}
