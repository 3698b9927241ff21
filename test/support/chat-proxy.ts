import { parseCredits } from '../../src/kit/money/credits.js';
import { micros, type Micros } from '../../src/kit/money/micros.js';
import type { Answer, Call, PatientClient } from './patient-client.js';
import type { Told, ToldSession } from './told.js';

export type Sent = { /** Send the very same request twice at the same time. */ readonly isDoubled?: boolean };
export type Ending = 'completed' | 'failed' | 'aborted';

/** The operations of callers. Each resolves when its outcome is certain and recorded in `told`. */
export type ChatProxy = {
  readonly told: Told;
  grant(accountId: string, credits: number, expiryDays: number, sent?: Sent): Promise<void>;
  /** The session, or null when the credits were not sufficient. */
  open(accountId: string, modelId: string, estimatedTokens: number, sent?: Sent): Promise<ToldSession | null>;
  end(session: ToldSession, ending: Ending, tokens: number, sent?: Sent): Promise<void>;
  charge(accountId: string, credits: number, isKeyed: boolean, sent?: Sent): Promise<void>;
  /** The balance that the gateway reports; loads an account that Redis has lost. */
  balance(accountId: string): Promise<{ readonly available: Micros; readonly held: Micros; readonly debt: Micros }>;
};

export type ChatProxyDeps = {
  readonly client: PatientClient;
  readonly tokenOf: (accountId: string) => string;
  readonly adminToken: string;
  readonly told: Told;
};

/** The service name of charges; the audit finds them by it. */
export const CHARGE_SERVICE = 'image';

/** A correct chat proxy: it names its requests, repeats those with an uncertain outcome, and keeps its own records. */
export function chatProxy({ client, tokenOf, adminToken, told }: ChatProxyDeps): ChatProxy {
  let lastName = 0;
  const newName = (kind: string): string => `${kind}-${(lastName += 1)}`;

  /** Sends the call, twice at once if requested. Two successful answers must be equal. */
  const send = async (call: Call, { isDoubled = false }: Sent = {}): Promise<Answer | null> => {
    const calls = isDoubled && call.isRepeatable ? [call, call] : [call];
    const answers = (await Promise.all(calls.map((each) => client.send(each)))).filter((answer) => answer !== null);
    const accepted = answers.filter(({ status }) => status < 300);
    if (calls.length > 1) told.doubled += 1;
    const [first, second] = accepted.map(({ body }) => JSON.stringify(body));
    if (second !== undefined && first !== second) surprise(call, `two answers to one request: ${String(first)} and ${second}`);
    return accepted[0] ?? answers[0] ?? null;
  };
  const surprise = ({ path, body }: Call, what: string): void => { told.surprises.push(`${path} ${JSON.stringify(body)}: ${what}`); };
  const unexpected = (call: Call, answer: Answer | null): void => {
    surprise(call, answer === null ? 'no answer to a request that can be repeated' : `${answer.status} ${JSON.stringify(answer.body)}`);
  };

  return {
    told,

    async grant(accountId, credits, expiryDays, sent) {
      const call: Call = {
        method: 'POST', path: '/api/credits/allocate', token: adminToken, key: newName('grant'), isRepeatable: true,
        body: { userId: accountId, credits, expiryDays },
      };
      const answer = await send(call, sent);
      if (answer?.status !== 201) { unexpected(call, answer); return; }
      told.grants.push({ accountId, intentId: numberIn(answer, 'id'), amount: amountIn(answer, 'totalCredits') });
    },

    async open(accountId, modelId, estimatedTokens, sent) {
      const sessionId = newName('session');
      const call: Call = {
        method: 'POST', path: '/api/streaming-sessions/initialize', token: tokenOf(accountId), isRepeatable: true,
        body: { sessionId, modelId, estimatedTokens },
      };
      const answer = await send(call, sent);
      if (answer?.status === 402) {
        told.refusedSessions.push({ accountId, sessionId });
        return null;
      }
      if (answer?.status !== 201) {
        unexpected(call, answer);
        return null;
      }
      const session: ToldSession = {
        accountId, sessionId, modelId, estimatedTokens, held: amountIn(answer, 'allocatedCredits'), end: null,
      };
      told.sessions.push(session);
      return session;
    },

    async end(session, ending, tokens, sent) {
      const { accountId, sessionId } = session;
      const isAborted = ending === 'aborted';
      const call: Call = {
        method: 'POST', path: `/api/streaming-sessions/${isAborted ? 'abort' : 'finalize'}`, token: tokenOf(accountId), isRepeatable: true,
        body: isAborted ? { sessionId, tokensGenerated: tokens } : { sessionId, actualTokens: tokens, success: ending === 'completed' },
      };
      const answer = await send(call, sent);
      if (answer?.status !== 200) { unexpected(call, answer); return; }
      const uncollected = amountIn(answer, 'uncollected');
      session.end = {
        charged: micros(amountIn(answer, isAborted ? 'partialCredits' : 'actualCredits') - uncollected),
        returned: amountIn(answer, 'refund'), overage: amountIn(answer, 'overageCharged'), debt: amountIn(answer, 'debt'), uncollected,
      };
    },

    async charge(accountId, credits, isKeyed, sent) {
      const marker = newName('charge');
      const call: Call = {
        method: 'POST', path: '/api/usage/record', token: tokenOf(accountId), isRepeatable: isKeyed,
        ...(isKeyed ? { key: marker } : {}),
        body: { service: CHARGE_SERVICE, operation: marker, credits },
      };
      const answer = await send(call, sent);
      const amount = parsed(credits);
      if (answer === null && !isKeyed) told.charges.push({ accountId, marker, amount, seq: null });
      else if (answer?.status === 402) told.refusedCharges.push({ accountId, marker });
      else if (answer?.status === 201) told.charges.push({ accountId, marker, amount, seq: numberIn(answer, 'id') });
      else unexpected(call, answer);
    },

    async balance(accountId) {
      const call: Call = { method: 'GET', path: '/api/credits/balance', token: tokenOf(accountId), isRepeatable: true };
      const answer = await client.send(call);
      if (answer?.status !== 200) throw new Error(`no balance of ${accountId}: ${JSON.stringify(answer)}`);
      return { available: amountIn(answer, 'balance'), held: amountIn(answer, 'held'), debt: amountIn(answer, 'debt') };
    },
  };
}

function numberIn({ body }: Answer, field: string): number {
  const value = body[field];
  if (typeof value !== 'number') throw new TypeError(`${field} is not a number in ${JSON.stringify(body)}`);
  return value;
}

const amountIn = (answer: Answer, field: string): Micros => parsed(numberIn(answer, field));

function parsed(credits: number): Micros {
  const amount = parseCredits(credits);
  if (typeof amount === 'string') throw new RangeError(`${credits} credits: ${amount}`);
  return amount;
}
