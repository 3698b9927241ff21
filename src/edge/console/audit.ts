import type { ActionEnd, ActionsQuery, OperatorAction, RecordedAction } from '../../credits/operators/operator-action.table.js';
import { GatewayError } from '../../kit/errors.js';
import { newId } from '../../kit/ids.js';
import type { Principal } from '../../kit/principal.js';
import type { GatewayContext } from '../http/context.js';
import type { Form } from '../http/form.js';
import { sessionIdOf } from './session.js';
import { sessionName } from './sessions.js';

/** Where the audit trail is kept. Each rejects when Postgres is away. */
export type AuditTrail = {
  readonly asked: (action: OperatorAction) => Promise<void>;
  readonly ended: (action: OperatorAction, end: ActionEnd, result: string) => Promise<void>;
  readonly read: (query: ActionsQuery) => Promise<readonly RecordedAction[]>;
};

export type Audit = {
  /**
   * Does what an operator asked for. It is in the audit trail before it begins, with what `endOf` makes of its result after it. Throws
   * GatewayError ledger_unavailable when it cannot be recorded; then nothing was done.
   */
  readonly recorded: <T>(action: OperatorAction, work: () => Promise<T>, endOf: (result: T) => Ended) => Promise<T>;
  /** Records what has no effect on credits, such as a login. It happened, even if that cannot be recorded. */
  readonly noted: (action: OperatorAction) => Promise<void>;
  readonly read: AuditTrail['read'];
};

type Ended = readonly [end: ActionEnd, result: string];

/** Fields of every form that are not about what is done. */
const NOT_DETAILS: ReadonlySet<string> = new Set(['step', 'key', 'reason']);
const DETAILS_LENGTH_MAX = 1_000;

/** `onError` is called with the error when a line could not be written. */
export function auditOver(trail: AuditTrail, onError: (error: unknown) => void): Audit {
  const end = (action: OperatorAction, [ended, result]: Ended): Promise<void> => trail.ended(action, ended, result).catch(onError);
  return {
    recorded: async (action, work, endOf) => {
      await trail.asked(action).catch((error: unknown) => {
        onError(error);
        throw new GatewayError(
          'ledger_unavailable', 'Nothing was done: Postgres, which keeps the audit trail, does not answer; try again in a moment',
          { outcome: 'not_executed', cause: error },
        );
      });
      try {
        const result = await work();
        await end(action, endOf(result));
        return result;
      } catch (error) {
        await end(action, error instanceof GatewayError && error.outcome !== 'unknown'
          ? ['refused', error.message]
          : ['unknown', error instanceof GatewayError ? error.message : 'it failed inside the gateway']);
        throw error;
      }
    },
    noted: async (action) => {
      try {
        await trail.asked(action);
        await trail.ended(action, 'done', '');
      } catch (error) {
        onError(error);
      }
    },
    read: trail.read,
  };
}

type About = { readonly action: string; readonly form?: Form; readonly target?: string; readonly sessionId?: string };

/** What a request asks for, as the audit trail has it. A form's key names the action, so that pressing twice is seen as one action. */
export function actionOf(
  ctx: GatewayContext, { accountId: actor, role }: Pick<Principal, 'accountId' | 'role'>,
  { action, form = {}, target, sessionId = sessionIdOf(ctx) ?? '' }: About,
): OperatorAction {
  const { accountId = null, ...others } = ctx.params ?? {};
  const details = Object.entries(form).filter(([name, value]) => !NOT_DETAILS.has(name) && value !== '');
  return {
    actionId: form['key'] ?? newId(), actor, role, action, accountId, target: target ?? Object.values(others).join(' '),
    details: details.map(([name, value]) => `${name} ${value}`).join(', ').slice(0, DETAILS_LENGTH_MAX),
    reason: (form['reason'] ?? '').trim(), requestId: ctx.state.requestId, session: sessionName(sessionId),
  };
}
